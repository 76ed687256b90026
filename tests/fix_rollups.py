"""Statistics of the same runs from the tables and from rollups, and what it takes to be the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server.read_records import RunFilter
from agenttrace_server.stats_records import FailureCounts, Group, StatsQuery, StatsReport, StepCounts
from agenttrace_server.store import stats_rollups
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.stats import StatsStore
from fix_store import record, with_store
from items import BEGIN, at, ended, failure, new_id, run, step, upload

HOUR = 3600
ROLLUPS = ("run_stats_hourly", "step_stats_hourly", "failure_stats_hourly")
# Neither end is a whole hour, and the last hour is not over.
SPAN = {"start_time_from": BEGIN - timedelta(hours=8, minutes=17), "start_time_before": datetime.now(UTC)}
ENDS = (
    run_pb2.RUN_STATUS_SUCCESS,
    run_pb2.RUN_STATUS_FAILURE,
    run_pb2.RUN_STATUS_PARTIAL,
    run_pb2.RUN_STATUS_CANCELLED,
)
ERROR = step_pb2.STEP_STATUS_ERROR


def made_run(dice: random.Random, run_id: str, start: float) -> Any:
    """Everything of one run: its ends, steps, retries and failures."""
    about = {
        "agent_id": dice.choice(["support", "billing"]),
        "agent_version": dice.choice(["1", "2", ""]),
        "environment": dice.choice(["staging", ""]),
        "start_time": at(start),
    }
    runs = [run(run_id, **about)]
    if dice.random() < 0.8:
        end = at(start + dice.choice([0, 0.003, 1, 30, 400]))
        runs.append(ended(run_id, **about, status=dice.choice(ENDS), end_time=end))
    steps, failures = [], []
    for _ in range(dice.randrange(5)):
        made_steps, made_failures = made_attempts(dice, run_id, start)
        steps += made_steps
        failures += made_failures
    if dice.random() < 0.2:
        failures.append(failure(run_id, type=failure_pb2.FAILURE_TYPE_ORCHESTRATION, occur_time=at(start)))
    return upload(runs=runs, steps=steps, failures=failures)


def made_attempts(dice: random.Random, run_id: str, start: float) -> tuple[list[Any], list[Any]]:
    """A step, now and then tried again until it works or not."""
    steps, failures, attempts, works = [], [], dice.choice([1, 1, 2, 3]), dice.random() < 0.7
    kind = dice.choice([step_pb2.STEP_TYPE_TOOL, step_pb2.STEP_TYPE_PLAN, step_pb2.STEP_TYPE_MODEL])
    first = new_id()
    for attempt in range(1, attempts + 1):
        fields: dict[str, Any] = {"step_id": first} if attempt == 1 else {"retry_of_step_id": first}
        fields |= {"attempt": attempt, "start_time": at(start), "end_time": at(start + dice.random() ** 4 * 90)}
        if kind == step_pb2.STEP_TYPE_MODEL:
            usage = step_pb2.Usage(input_tokens=dice.randrange(100), output_tokens=dice.randrange(50))
            fields["model"] = step_pb2.ModelCall(provider="p", usage=usage, cost_micro_usd=dice.randrange(999))
        if attempt < attempts or not works:
            fields["status"] = ERROR
        steps.append(step(run_id, type=kind, **fields))
        if attempt < attempts or not works:
            code = dice.choice(["timeout", "refused"])
            failures.append(failure(run_id, step_id=steps[-1].step_id, code=code, occur_time=at(start + attempt)))
    return steps, failures


def store(url: str, *messages: Any) -> None:
    async def act(ingest: IngestStore) -> None:
        for message in messages:
            await record(ingest, message)

    with_store(url, act)


def some_runs(seed: int = 7, count: int = 60) -> list[Any]:
    dice = random.Random(seed)
    return [made_run(dice, new_id(), -dice.randrange(-HOUR // 2, 8 * HOUR)) for _ in range(count)]


def report(url: str, query: StatsQuery) -> StatsReport:
    async def act() -> StatsReport:
        database = ReadDatabase(url, name="test", role="agenttrace_query", max_size=1, timeout_seconds=20)
        await database.open(10)
        try:
            return await StatsStore(database).report(1, query)
        finally:
            await database.close()

    return asyncio.run(act())


@contextmanager
def answered_from(source: str) -> Iterator[None]:
    async def are_better(*_: object) -> bool:
        return source == "rollups"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats_rollups, "are_better", are_better)
        yield


QUERIES: list[tuple[str | None, timedelta | None, dict[str, Any]]] = [
    (None, None, {}),
    (None, timedelta(hours=1), {}),
    ("AGENT", None, {}),
    ("AGENT_VERSION", timedelta(hours=3), {}),
    ("ENVIRONMENT", None, {"agent_ids": ("support", "nobody")}),
    ("AGENT", None, {"agent_versions": ("1", "2"), "environments": ("production",)}),
]


def assert_both_answer_the_same(url: str, queries: Sequence[Any] = QUERIES) -> None:
    for dimension, bucket, fields in queries:
        query = StatsQuery(RunFilter(**(SPAN | fields)), dimension, bucket)
        with answered_from("tables"):
            exact = report(url, query)
        with answered_from("rollups"):
            approximate = report(url, query)
        assert (exact.approximate, approximate.approximate) == (False, True)
        assert_group(approximate.totals, exact.totals)
        assert [group.key for group in approximate.groups] == [group.key for group in exact.groups]
        for found, expected in zip(approximate.groups, exact.groups, strict=True):
            assert_group(found, expected)
        for found_type, expected_type in zip(approximate.step_types, exact.step_types, strict=True):
            assert_steps(found_type, expected_type, names=("key", "step_count", "failed_step_count", "retry_count"))
        assert by_name(approximate.failures) == by_name(exact.failures)


def by_name(failures: Sequence[FailureCounts]) -> list[FailureCounts]:
    return sorted(failures, key=lambda counts: (counts.type, counts.code, counts.agent_id, counts.agent_version))


def assert_group(found: Group, expected: Group) -> None:
    names = set(type(found.runs).__slots__) - {"run_durations"}
    assert {name: getattr(found.runs, name) for name in names} == {n: getattr(expected.runs, n) for n in names}
    assert_near(found.runs.run_durations, expected.runs.run_durations)
    assert_steps(found.steps, expected.steps, names=set(type(found.steps).__slots__) - {"step_durations"})
    assert found.recovered_failure_count == expected.recovered_failure_count


def assert_steps(found: StepCounts, expected: StepCounts, names: Any) -> None:
    assert {name: getattr(found, name) for name in names} == {name: getattr(expected, name) for name in names}
    assert_near(found.step_durations, expected.step_durations)


def assert_near(found: Sequence[timedelta] | None, expected: Sequence[timedelta] | None) -> None:
    """Within 5 %."""
    for ours, exact in zip(found or [], expected or [], strict=True):
        assert ours.total_seconds() == pytest.approx(exact.total_seconds(), rel=0.05)


def hours_waiting(connection: psycopg.Connection) -> int:
    """How many hours that are over are not computed."""
    row = connection.execute("SELECT count(*) FROM maintain_dirty_hours('0', '0', 1000)").fetchone()
    assert row
    return int(row[0])


def hours_over(connection: psycopg.Connection) -> int:
    """How many hours that are over have runs."""
    row = connection.execute(
        "SELECT count(DISTINCT date_trunc('hour', start_time)) FROM agent_runs "
        "WHERE start_time < date_trunc('hour', now())"
    ).fetchone()
    assert row
    return int(row[0])


def late_run(_: psycopg.Connection) -> Any:
    return made_run(random.Random(3), new_id(), -5 * HOUR)
