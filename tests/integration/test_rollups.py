"""What rollups answer equals what the tables do, whatever was changed since they were computed, and by whom."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from agenttrace.v1 import run_pb2
from agenttrace_server.read_records import RunFilter
from agenttrace_server.stats_records import StatsQuery
from agenttrace_server.store import stats_rollups
from fix_maintain import RETENTION_DAYS, create_partitions, maintain_once, make_older
from fix_rollups import (
    ENDS,
    HOUR,
    QUERIES,
    ROLLUPS,
    SPAN,
    answered_from,
    assert_both_answer_the_same,
    hours_over,
    hours_waiting,
    late_run,
    made_run,
    report,
    some_runs,
    store,
)
from items import BEGIN, at, failure, new_id, run, step, upload


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
