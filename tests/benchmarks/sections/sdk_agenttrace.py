"""Prints what a step costs the calling thread. Run by itself: nothing else is imported."""

import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence

import agenttrace
from agenttrace.exporter import Exporter
from agenttrace.v1 import ingest_service_pb2 as pb

_BURST, _BURSTS = 1_000, 25


def _send(messages: Sequence[pb.UploadStepsRequest], _: float, /) -> pb.UploadStepsResponse:
    return pb.UploadStepsResponse(acknowledged_message_count=len(messages))


def _burst(tracer: agenttrace.Tracer) -> tuple[float, float]:
    """Seconds of the calling thread, by its processor time and by the clock."""
    with tracer.run() as run:
        cpu, wall = time.thread_time(), time.perf_counter()
        for _ in range(_BURST):
            with run.step("tool", "lookup_order") as step:
                step.set(http_status=200, cache_hit=True, region="eu-west-1")
        return time.thread_time() - cpu, time.perf_counter() - wall


def _microseconds(tracer: agenttrace.Tracer, settle: Callable[[], object]) -> tuple[float, float]:
    bursts = []
    for _ in range(_BURSTS):
        bursts.append(_burst(tracer))
        settle()
        gc.collect()
    cpu, wall = zip(*bursts[3:], strict=True)
    return statistics.median(cpu) / _BURST * 1e6, statistics.median(wall) / _BURST * 1e6


def main() -> None:
    """Measure with a double for the network, then disabled."""
    tracer = agenttrace.Tracer("bench", "1.4.0", exporter=Exporter(send=_send))
    cpu, wall = _microseconds(tracer, tracer.flush)
    receipt = tracer.close()
    assert not receipt.dropped, receipt
    os.environ["AGENTTRACE_DISABLED"] = "1"
    disabled, _ = _microseconds(agenttrace.Tracer("bench", "1.4.0"), lambda: None)
    print(json.dumps({"thread": cpu, "clock": wall, "disabled": disabled}))


if __name__ == "__main__":
    main()
