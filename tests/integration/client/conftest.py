"""Real services, runs in them, and a read client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import agenttrace
from agenttrace.v1 import failure_pb2, step_pb2
from fix_server import Services
from items import FAILURE, at, batch, ended, new_id, step

RUNS = 450


@pytest.fixture
def run_ids(services: Services) -> list[str]:
    """More runs than two chunks hold, newest first, each with two steps; every fourth failed."""
    ids = [new_id() for _ in range(RUNS)]
    for begin in range(0, RUNS, 50):
        some = ids[begin : begin + 50]
        made = [
            ended(run_id, start_time=at(RUNS - begin - place), end_time=at(RUNS + 60), expected_step_count=2)
            for place, run_id in enumerate(some)
        ]
        steps = [step(run_id, sequence=number) for run_id in some for number in range(2)]
        failures = []
        for run, failed in zip(made[::4], steps[::8], strict=True):
            run.status = FAILURE
            failed.status = step_pb2.STEP_STATUS_ERROR
            failures.append(
                failure_pb2.Failure(
                    failure_id=new_id(),
                    run_id=run.run_id,
                    step_id=failed.step_id,
                    type=failure_pb2.FAILURE_TYPE_TOOL,
                    code="timeout",
                    occur_time=failed.end_time,
                )
            )
        stored = services.ingest.RecordBatch(batch(runs=made, steps=steps, failures=failures))
        assert not stored.rejections
    return ids


@pytest.fixture
def client(services: Services) -> Iterator[agenttrace.QueryClient]:
    with agenttrace.QueryClient(services.query_address, "") as client:
        yield client
