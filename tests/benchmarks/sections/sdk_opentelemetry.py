"""Prints what a span of OpenTelemetry costs the calling thread. Run by a Python that has it."""

import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_BURST, _BURSTS = 1_000, 25


class _Nowhere(SpanExporter):
    """Takes spans and sends nothing."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def _burst(tracer: trace.Tracer) -> tuple[float, float]:
    """Seconds of the calling thread, by its processor time and by the clock."""
    with tracer.start_as_current_span("run"):
        cpu, wall = time.thread_time(), time.perf_counter()
        for _ in range(_BURST):
            with tracer.start_as_current_span("lookup_order") as span:
                span.set_attributes({"http_status": 200, "cache_hit": True, "region": "eu-west-1"})
        return time.thread_time() - cpu, time.perf_counter() - wall


def _microseconds(tracer: trace.Tracer, settle: Callable[[], object]) -> tuple[float, float]:
    bursts = []
    for _ in range(_BURSTS):
        bursts.append(_burst(tracer))
        settle()
        gc.collect()
    cpu, wall = zip(*bursts[3:], strict=True)
    return statistics.median(cpu) / _BURST * 1e6, statistics.median(wall) / _BURST * 1e6


def main() -> None:
    """Measure without a provider, then with a batch processor."""
    disabled, _ = _microseconds(trace.get_tracer("bench"), lambda: None)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    cpu, wall = _microseconds(provider.get_tracer("bench"), provider.force_flush)
    provider.shutdown()
    print(json.dumps({"thread": cpu, "clock": wall, "disabled": disabled}))


if __name__ == "__main__":
    main()
