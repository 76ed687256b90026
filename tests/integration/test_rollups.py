"""What rollups answer equals what the tables do, whatever was changed since they were computed, and by whom."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
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
from fix_maintain import RETENTION_DAYS, create_partitions, maintain_once, make_older, with_stores
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


def test_rollups_answer_what_the_tables_do(database_url: str, connection: psycopg.Connection) -> None:
    store(database_url, *some_runs())

    computed = maintain_once(database_url)["hours_rolled_up"]

    assert (computed, hours_waiting(connection)) == (hours_over(connection), 0)
    assert_both_answer_the_same(database_url)


def test_hours_that_were_never_computed_come_from_the_tables(database_url: str, connection: psycopg.Connection) -> None:
    store(database_url, *some_runs())

    assert hours_waiting(connection) == hours_over(connection) > 5
    assert_both_answer_the_same(database_url)


def known_run(connection: psycopg.Connection, condition: str) -> str:
    row = connection.execute(
        f"SELECT run_id::text FROM agent_runs WHERE start_time < now() - interval '2 h' AND {condition} LIMIT 1"  # type: ignore[arg-type]
    ).fetchone()
    assert row
    return str(row[0])


def late_steps(connection: psycopg.Connection) -> Any:
    run_id = known_run(connection, "step_count > 0")
    return upload(steps=[step(run_id, start_time=at(0), end_time=at(55))], failures=[failure(run_id, occur_time=at(1))])


def late_end(connection: psycopg.Connection) -> Any:
    return upload(
        runs=[run_pb2.Run(run_id=known_run(connection, "status = 'RUNNING'"), status=ENDS[1], end_time=at(9))]
    )


def late_run(_: psycopg.Connection) -> Any:
    return made_run(random.Random(3), new_id(), -5 * HOUR)


def earlier_start(connection: psycopg.Connection) -> Any:
    return upload(runs=[run(known_run(connection, "agent_id = 'support' AND NOT is_stub"), start_time=at(-7.9 * HOUR))])


@pytest.mark.parametrize("change", [late_steps, late_end, late_run, earlier_start])
def test_late_data_counts_at_once_and_after_the_next_round(
    database_url: str, connection: psycopg.Connection, change: Callable[[psycopg.Connection], Any]
) -> None:
    store(database_url, *some_runs())
    maintain_once(database_url)

    store(database_url, change(connection))

    assert hours_waiting(connection) > 0
    assert_both_answer_the_same(database_url, QUERIES[:3])
    assert maintain_once(database_url)["hours_rolled_up"] > 0
    assert_both_answer_the_same(database_url, QUERIES[:3])


def test_a_run_whose_start_is_told_late_moves_to_its_hour(database_url: str, connection: psycopg.Connection) -> None:
    """Its steps alone were known, and their hour computed with it."""
    run_id = new_id()
    store(database_url, upload(steps=[step(run_id, start_time=at(-2 * HOUR), end_time=at(-2 * HOUR + 5))]))
    maintain_once(database_url)

    store(database_url, upload(runs=[run(run_id, start_time=at(-6 * HOUR))]))

    assert hours_waiting(connection) == 2
    assert_both_answer_the_same(database_url, QUERIES[:2])
    assert maintain_once(database_url)["hours_rolled_up"] == 2
    assert_both_answer_the_same(database_url, QUERIES[:2])
    assert [connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ROLLUPS] == [(1,), (1,), (0,)]  # type: ignore[arg-type]


def test_abandoned_runs_are_counted_as_such(database_url: str, connection: psycopg.Connection) -> None:
    store(database_url, *some_runs())
    maintain_once(database_url)
    connection.execute("UPDATE agent_runs SET update_time = now() - interval '2 h'")

    abandoned = maintain_once(database_url)["runs_abandoned"]

    found = connection.execute("SELECT sum(abandoned_count), sum(running_count) FROM run_stats_hourly").fetchone()
    assert abandoned > 5
    assert found is not None
    assert found[0] > 5
    assert found[1] == 0
    assert_both_answer_the_same(database_url, QUERIES[:2])


def test_duplicates_change_nothing(database_url: str) -> None:
    messages = some_runs()
    store(database_url, *messages)
    maintain_once(database_url)
    query = StatsQuery(RunFilter(**SPAN), "AGENT_VERSION")
    with answered_from("rollups"):
        before = report(database_url, query)

        store(database_url, *messages)
        maintain_once(database_url)

        assert report(database_url, query) == before


def test_deleted_runs_are_no_longer_counted(database_url: str, connection: psycopg.Connection) -> None:
    run_id = new_id()
    store(database_url, *some_runs(), made_run(random.Random(1), run_id, -3 * HOUR))
    maintain_once(database_url)
    create_partitions(connection, RETENTION_DAYS + 2)
    make_older(connection, run_id, RETENTION_DAYS + 2)

    done = maintain_once(database_url)

    assert (done["runs_deleted"], done["hours_rolled_up"]) == (1, 1)
    assert_both_answer_the_same(database_url, QUERIES[:3])


def test_any_order_of_changes_and_rounds_gives_the_same(database_url: str) -> None:
    dice = random.Random(20)
    parts = [
        upload(**{kind: [item]})
        for message in some_runs(count=12)
        for kind in ("runs", "steps", "failures")
        for item in getattr(message, kind)
    ]
    dice.shuffle(parts)
    for first in range(0, len(parts), 25):
        store(database_url, *parts[first : first + 25])
        if dice.random() < 0.6:
            maintain_once(database_url)
        assert_both_answer_the_same(database_url, QUERIES[1:3])


def test_what_is_committed_while_an_hour_is_computed_is_not_lost(
    database_url: str, connection: psycopg.Connection
) -> None:
    """The computation waits for a lock between reading runs and failures; a run is stored meanwhile."""
    store(database_url, late_run(connection))

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_failures IN ACCESS EXCLUSIVE MODE")
        rounds = threading.Thread(target=maintain_once, args=(database_url,))
        rounds.start()
        _wait_until(connection, "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted")
        store(database_url, upload(runs=[run(new_id(), start_time=at(-5 * HOUR))]))
    rounds.join()

    assert connection.execute("SELECT sum(run_count) FROM run_stats_hourly").fetchone() == (1,)
    assert hours_waiting(connection) == 1
    assert_both_answer_the_same(database_url, QUERIES[:1])
    maintain_once(database_url)
    assert connection.execute("SELECT sum(run_count) FROM run_stats_hourly").fetchone() == (2,)


def test_what_is_not_committed_yet_when_an_hour_is_computed_is_not_lost(
    database_url: str, connection: psycopg.Connection
) -> None:
    store(database_url, late_run(connection))

    with psycopg.connect(database_url) as writer:
        writer.execute("UPDATE agent_runs SET tags = '{late}'")
        writer.execute("INSERT INTO run_changes (project_id, run_id) SELECT project_id, run_id FROM agent_runs")
        maintain_once(database_url)
        computed = hours_waiting(connection)

    assert (computed, hours_waiting(connection)) == (0, 1)


def test_computing_holds_up_no_watch(database_url: str, connection: psycopg.Connection) -> None:
    """Until an hour is computed its transaction has no id, which watches would wait for."""
    store(database_url, late_run(connection))

    with psycopg.connect(database_url, autocommit=True) as other, psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_failures IN ACCESS EXCLUSIVE MODE")
        rounds = threading.Thread(target=maintain_once, args=(database_url,))
        rounds.start()
        _wait_until(other, "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted")
        waiting = other.execute(
            "SELECT a.backend_xid FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE NOT l.granted"
        ).fetchone()
    rounds.join()

    assert waiting == (None,)


def _wait_until(connection: psycopg.Connection, condition: str) -> None:
    for _ in range(500):
        if connection.execute(condition).fetchone() == (True,):  # type: ignore[arg-type]
            return
        connection.execute("SELECT pg_sleep(0.01)")
    pytest.fail(f"never: {condition}")


def test_marks_are_few_and_none_is_missing(database_url: str, connection: psycopg.Connection) -> None:
    store(database_url, *[late_run(connection) for _ in range(5)])

    async def trim(stores: Any) -> int:
        return int(await stores.rollups.trim_marks())

    assert with_stores(database_url, trim) == 3
    assert hours_waiting(connection) == 1


def test_an_hour_waits_until_it_is_left_alone_but_not_for_ever(
    database_url: str, connection: psycopg.Connection
) -> None:
    store(database_url, late_run(connection), late_run(connection))
    waiting = "SELECT count(*) FROM maintain_dirty_hours('2 min', '15 min', 10)"

    just_changed = connection.execute(waiting).fetchone()
    connection.execute("UPDATE stats_dirty SET mark_time = mark_time - interval '3 min'")
    left_alone = connection.execute(waiting).fetchone()
    store(database_url, late_run(connection))
    changed_again = connection.execute(waiting).fetchone()
    connection.execute("UPDATE stats_dirty SET mark_time = mark_time - interval '13 min' WHERE mark_id = 1")
    changed_on_and_on = connection.execute(waiting).fetchone()

    assert (just_changed, left_alone, changed_again, changed_on_and_on) == ((0,), (1,), (0,), (1,))


def test_two_processes_compute_each_hour_once(database_url: str) -> None:
    store(database_url, *some_runs())

    rounds = [threading.Thread(target=maintain_once, args=(database_url,)) for _ in range(2)]
    for thread in rounds:
        thread.start()
    for thread in rounds:
        thread.join()
    maintain_once(database_url)

    assert_both_answer_the_same(database_url, QUERIES[:2])


def test_many_runs_are_counted_by_rollups_and_few_exactly(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store(database_url, *some_runs())
    query = StatsQuery(RunFilter(**SPAN))

    few = report(database_url, query)
    monkeypatch.setattr(stats_rollups, "_FEW_RUNS", 50)
    many = report(database_url, query)
    others = report(database_url, StatsQuery(RunFilter(**SPAN, has_retries=True)))
    long = report(database_url, StatsQuery(RunFilter(**SPAN | {"start_time_from": BEGIN - timedelta(days=30)})))

    assert [found.approximate for found in (few, many, others, long)] == [False, True, False, True]


def test_rollups_of_another_project_are_not_seen(database_url: str, connection: psycopg.Connection) -> None:
    store(database_url, *some_runs(count=5))
    maintain_once(database_url)
    connection.execute("SET ROLE agenttrace_query")

    seen = {}
    for project in ("", "2", "1"):
        connection.execute("SELECT set_config('agenttrace.project_id', %s, false)", (project,))
        counts = [connection.execute(f"SELECT count(*) FROM api.{t}").fetchone() for t in (*ROLLUPS, "stats_dirty")]  # type: ignore[arg-type]
        seen[project] = sum(count[0] for count in counts if count)

    assert (seen[""], seen["2"]) == (0, 0)
    assert seen["1"] > 0
