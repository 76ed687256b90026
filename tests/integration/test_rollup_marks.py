"""Which hours are computed and when: nothing that was changed is missed, and nobody is kept waiting."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from fix_maintain import maintain_once, with_stores
from fix_rollups import (
    HOUR,
    QUERIES,
    assert_both_answer_the_same,
    hours_waiting,
    late_run,
    some_runs,
    store,
)
from items import at, new_id, run, upload


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
