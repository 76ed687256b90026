"""Runs recorded by the SDK against the real services: signs of life, completeness, statuses and counts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import agenttrace
from agenttrace.exporter import Bounds, Exporter
from agenttrace.v1 import failure_pb2
from fix_server import Services


@pytest.fixture
def tracer(services: Services) -> Iterator[agenttrace.Tracer]:
    bounds = Bounds(delay_seconds=0.02, heartbeat_seconds=0.1)
    exporter = Exporter(endpoint=services.ingest_address, bounds=bounds)
    with agenttrace.Tracer("support", "1.4.0", exporter=exporter) as tracer:
        yield tracer


@pytest.fixture
def client(services: Services) -> Iterator[agenttrace.QueryClient]:
    with agenttrace.QueryClient(services.query_address) as client:
        yield client


def row(services: Services, statement: str, *values: Any) -> Any:
    with psycopg.connect(services.database_url) as connection:
        return connection.execute(statement, values).fetchone()  # type: ignore[arg-type]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_open_run_says_that_it_is_alive_until_it_ends(services: Services, tracer: agenttrace.Tracer) -> None:
    alive = "SELECT heartbeat_time FROM agent_runs WHERE run_id = %s AND heartbeat_time > start_time"
    with tracer.run() as run:
        wait_until(lambda: row(services, alive, run.run_id) is not None)
        first = row(services, alive, run.run_id)[0]
        wait_until(lambda: row(services, alive, run.run_id)[0] > first)
    tracer.flush()

    status = "SELECT status, end_time >= heartbeat_time FROM agent_runs WHERE run_id = %s"
    assert row(services, status, run.run_id) == ("SUCCESS", True)


@pytest.mark.parametrize(("told", "stored"), [({}, 300), ({"lease_seconds": 86_400}, 86_400)])
def test_a_run_tells_how_long_to_wait_for_it(
    services: Services, tracer: agenttrace.Tracer, told: Any, stored: int
) -> None:
    run = tracer.run(**told).start()
    tracer.flush()

    lease = row(services, "SELECT lease_duration FROM agent_runs WHERE run_id = %s", run.run_id)
    run.end("success")
    assert lease == (timedelta(seconds=stored),)


def test_the_end_tells_how_many_steps_there_are(tracer: agenttrace.Tracer, client: agenttrace.QueryClient) -> None:
    with tracer.run() as run:
        for number in range(7):
            with suppress(TimeoutError), run.step("tool", "search"):
                if number % 2:
                    raise TimeoutError
    tracer.flush()

    stored = client.run(run.run_id).run
    assert (stored.run.expected_step_count, stored.step_count, stored.failed_step_count) == (7, 7, 3)


def test_every_run_and_step_is_stored_so_that_the_failure_rate_is_the_true_one(
    services: Services, tracer: agenttrace.Tracer, client: agenttrace.QueryClient
) -> None:
    """There is no sampling: 1 run in 7 fails, and that is what is read."""
    for number in range(210):
        with suppress(TimeoutError), tracer.run() as run:
            for _ in range(10):
                with run.step("tool", "search"):
                    pass
            if not number % 7:
                raise TimeoutError
    receipt = tracer.flush(30)

    totals = client.stats().totals
    assert (receipt.complete, receipt.dropped) == (True, 0)
    assert (totals.run_count, totals.step_count) == (210, 2100)
    assert totals.failure_rate == pytest.approx(30 / 210)


def test_the_documented_failure_codes_are_those_of_a_new_database(client: agenttrace.QueryClient) -> None:
    page = (Path(__file__).parents[2] / "docs/failure-codes.md").read_text()
    documented = []
    for section in page.split("\n## ")[1:]:
        for code, title, remedy in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE):
            documented.append((section.split()[0], code, title, remedy.removesuffix(".")))

    known = client.failure_codes()
    stored = [
        (
            failure_pb2.FailureType.Name(c.type).removeprefix("FAILURE_TYPE_"),
            c.code,
            c.title,
            c.remedy.removesuffix("."),
        )
        for c in known
    ]
    assert sorted(documented) == sorted(stored)


def recovered(run: agenttrace.Run) -> None:
    for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
        with attempt:
            if attempt.number < 3:
                raise TimeoutError


def given_up(run: agenttrace.Run) -> None:
    with suppress(TimeoutError):
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError, max_attempts=2):
            with attempt:
                raise TimeoutError


def failed_softly(run: agenttrace.Run) -> None:
    with run.step("retrieve", "articles") as step:
        step.fail("empty_retrieval")


def failed_inside_of_an_attempt(run: agenttrace.Run) -> None:
    for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
        with attempt, run.step("plan", "outer"), run.step("model", "rewrite"):
            if attempt.number == 1:
                raise TimeoutError


def done_otherwise_in_the_next_attempt(run: agenttrace.Run) -> None:
    for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
        with attempt, run.step("model", f"rewrite-{attempt.number}"):
            if attempt.number == 1:
                raise TimeoutError


def handled_inside_of_an_attempt(run: agenttrace.Run) -> None:
    for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
        with attempt:
            with suppress(KeyError), run.step("model", "rewrite"):
                raise KeyError
            if attempt.number == 1:
                raise TimeoutError


def mixed(run: agenttrace.Run) -> None:
    recovered(run)
    failed_softly(run)


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (recovered, "success"),
        (given_up, "partial"),
        (failed_softly, "partial"),
        (failed_inside_of_an_attempt, "success"),
        (done_otherwise_in_the_next_attempt, "partial"),
        (handled_inside_of_an_attempt, "partial"),
        (mixed, "partial"),
    ],
)
def test_a_run_is_a_success_if_all_its_failures_are_read_as_recovered(
    tracer: agenttrace.Tracer, client: agenttrace.QueryClient, happens: Callable[[agenttrace.Run], None], status: str
) -> None:
    with tracer.run() as run:
        happens(run)
    tracer.flush()

    failures = client.run(run.run_id).failures
    assert failures
    assert run.status == status
    assert all(failure.recovered for failure in failures) == (status == "success")
    assert any(failure.root for failure in failures) == (status != "success")
