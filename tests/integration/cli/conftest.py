"""The command line as its user starts it, in a process of its own, against a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from agenttrace.v1 import failure_pb2, step_pb2
from fix_product import clean_environment
from fix_server import Services
from items import FAILURE, at, batch, ended, new_id, step

COMMAND = [sys.executable, "-m", "agenttrace"]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def environment_for(services: Services, **settings: str) -> dict[str, str]:
    return clean_environment(
        AGENTTRACE_ENDPOINT=services.ingest_address, AGENTTRACE_QUERY_ENDPOINT=services.query_address, **settings
    )


@pytest.fixture
def cli(services: Services) -> Cli:
    """Runs a command to its end."""

    def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, *map(str, arguments)]
        environment = environment_for(services, **settings)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.fixture
def stored(services: Services) -> list[str]:
    """Runs with steps and failures; many started in the same instant. Newest first, as they are listed."""
    ids = sorted((new_id() for _ in range(330)), reverse=True)
    for begin in range(0, len(ids), 55):
        some = ids[begin : begin + 55]
        runs = [
            ended(run_id, start_time=at(100 - begin // 110), end_time=at(200), attributes={}, expected_step_count=2)
            for run_id in some
        ]
        runs[0].status = FAILURE
        steps = [step(run_id, sequence=number) for run_id in some for number in range(2)]
        steps[0].status = step_pb2.STEP_STATUS_ERROR
        failure = failure_pb2.Failure(
            failure_id=new_id(),
            run_id=some[0],
            step_id=steps[0].step_id,
            type=failure_pb2.FAILURE_TYPE_TOOL,
            code="timeout",
            occur_time=at(2),
        )
        answer = services.ingest.RecordBatch(batch(runs=runs, steps=steps, failures=[failure]))
        assert not answer.rejections
    return ids
