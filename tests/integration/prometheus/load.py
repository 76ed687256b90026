"""Agents that never rest: every kind of step and failure, and calls of the query service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import (
    failure_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
    step_pb2,
)
from items import FAILURE, SUCCESS, batch, ended, failure, new_id, run, step

_FAILURE_OF = {
    step_pb2.STEP_TYPE_TOOL: failure_pb2.FAILURE_TYPE_TOOL,
    step_pb2.STEP_TYPE_MODEL: failure_pb2.FAILURE_TYPE_MODEL,
    step_pb2.STEP_TYPE_RETRIEVE: failure_pb2.FAILURE_TYPE_RETRIEVAL,
    step_pb2.STEP_TYPE_RESPOND: failure_pb2.FAILURE_TYPE_ORCHESTRATION,
}
_PAUSE_SECONDS = 0.2


class Load:
    """Two agents. Two of seven runs of the steady one have failures; the turning one is faultless until it turns."""

    STEADY = "steady"
    TURNING = "turning"

    def __init__(self, ingest: grpc.Channel, query: grpc.Channel) -> None:
        self._ingest = ingest_service_pb2_grpc.IngestServiceStub(ingest)
        self._query = query_service_pb2_grpc.QueryServiceStub(query)
        self._stopping = threading.Event()
        self.turned = threading.Event()

    def introduce(self, agent: str) -> None:
        """Let an agent be known, by a run that does not end."""
        self._ingest.RecordBatch(batch(runs=[run(new_id(), agent_id=agent)]))

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, name="load")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _run(self) -> None:
        for number in count():
            if self._stopping.wait(_PAUSE_SECONDS):
                return
            # Two of seven: more than the 20 % of the warning, less than the 30 % of what is critical and silences it.
            fails = number % 7 in {0, 3}
            self._ingest.RecordBatch(_run_of(self.STEADY, fails=False, failures=fails))
            self._ingest.RecordBatch(_run_of(self.TURNING, fails=fails and self.turned.is_set(), failures=False))
            self._query.GetStats(query_service_pb2.GetStatsRequest())


def _run_of(agent: str, *, fails: bool, failures: bool) -> ingest_service_pb2.RecordBatchRequest:
    """A run that has just ended, with a step of each type; `failures`: each of them with one."""
    run_id, now = new_id(), datetime.now(UTC)
    steps = [
        step(run_id, type=type_, start_time=_time(now, 1), end_time=_time(now, 0.5), **_model(type_))
        for type_ in _FAILURE_OF
    ]
    failed = [
        failure(run_id, step_id=one.step_id, type=_FAILURE_OF[one.type], occur_time=_time(now, 0.5)) for one in steps
    ]
    times = {"start_time": _time(now, 2), "end_time": _time(now, 0)}
    done = ended(run_id, agent_id=agent, status=FAILURE if fails else SUCCESS, **times)
    return batch(runs=[done], steps=steps, failures=failed if failures else [])


def _model(type_: int) -> dict[str, step_pb2.ModelCall]:
    if type_ not in {step_pb2.STEP_TYPE_MODEL, step_pb2.STEP_TYPE_RESPOND}:
        return {}
    usage = step_pb2.Usage(input_tokens=100, output_tokens=10)
    call = step_pb2.ModelCall(provider="openai", request_model="gpt-4o", usage=usage, cost_micro_usd=500)
    return {"model": call}


def _time(now: datetime, seconds_ago: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(now - timedelta(seconds=seconds_ago))
    return moment
