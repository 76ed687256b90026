"""Whole days go once they are past the retention, and nobody who writes notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.maintain import Stores
from agenttrace_server.records import Outcome
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.write_pool import WriteDatabase
from fix_maintain import (
    LAST_KEPT,
    RETENTION_DAYS,
    TODAY,
    create_partitions,
    maintain_once,
    maintainer,
    make_older,
    partitions,
    with_stores,
)
from fix_store import assert_counters_equal_a_recount, counts, record, with_store
from items import ended, failure, new_id, run, step, upload

EXPIRED = RETENTION_DAYS + 2


def store_run(url: str, run_id: str) -> Outcome:
    message = upload(runs=[ended(run_id)], steps=[step(run_id), step(run_id)], failures=[failure(run_id)])
    return with_store(url, lambda store: record(store, message))


def old_run(url: str, connection: psycopg.Connection, days_ago: int) -> str:
    """A run with two steps and a failure that was first seen some days ago."""
    run_id = new_id()
    create_partitions(connection, days_ago)
    store_run(url, run_id)
    make_older(connection, run_id, days_ago)
    return run_id


def names_of(*days_ago: int) -> list[str]:
    days = sorted(TODAY - timedelta(days=number) for number in days_ago)
    return [f"agent_{table}_{day:%Y%m%d}" for table in ("failures", "steps") for day in days]


def test_a_day_past_the_retention_goes_with_its_runs(database_url: str, connection: psycopg.Connection) -> None:
    old_run(database_url, connection, EXPIRED)
    store_run(database_url, new_id())

    done = maintain_once(database_url)

    assert (done["runs_deleted"], done["partitions_dropped"]) == (1, 2)
    assert counts(connection) == (1, 2, 1)
    assert partitions(connection) == []


def test_a_day_within_the_retention_stays(database_url: str, connection: psycopg.Connection) -> None:
    old_run(database_url, connection, RETENTION_DAYS + 1)

    done = maintain_once(database_url)

    assert (done["runs_deleted"], done["partitions_dropped"]) == (0, 0)
    assert counts(connection) == (1, 2, 1)


def test_listings_and_counters_of_the_other_runs_stay_right(database_url: str, connection: psycopg.Connection) -> None:
    kept = [old_run(database_url, connection, 1), new_id()]
    store_run(database_url, kept[1])
    old_run(database_url, connection, EXPIRED)

    maintain_once(database_url)

    connection.execute("SELECT set_config('agenttrace.project_id', '1', false)")
    listed = connection.execute("SELECT run_id::text FROM api.runs ORDER BY 1").fetchall()
    assert [run_id for (run_id,) in listed] == sorted(kept)
    assert_counters_equal_a_recount(connection)


def test_runs_are_deleted_in_batches(database_url: str, connection: psycopg.Connection) -> None:
    create_partitions(connection, EXPIRED)
    messages = [upload(runs=[run(new_id()) for _ in range(100)]) for _ in range(2)]

    async def write(store: IngestStore) -> None:
        for message in messages:
            await record(store, message)

    with_store(database_url, write)
    connection.execute("UPDATE agent_runs SET day = %s", (TODAY - timedelta(days=EXPIRED),))

    async def delete(stores: Stores) -> list[int]:
        return [await stores.retention.delete_runs(LAST_KEPT, 150) for _ in range(3)]

    assert with_stores(database_url, delete) == [150, 50, 0]


def test_a_run_that_is_written_to_keeps_its_day_for_now(database_url: str, connection: psycopg.Connection) -> None:
    run_id = old_run(database_url, connection, EXPIRED)

    with psycopg.connect(database_url) as writer:
        writer.execute("SELECT FROM agent_runs WHERE run_id = %s FOR UPDATE", (run_id,))
        first = maintain_once(database_url)
    second = maintain_once(database_url)

    assert (first["runs_deleted"], first["partitions_dropped"]) == (0, 0)
    assert (second["runs_deleted"], second["partitions_dropped"]) == (1, 2)


def test_what_comes_for_a_deleted_run_is_a_new_run(database_url: str, connection: psycopg.Connection) -> None:
    run_id = old_run(database_url, connection, EXPIRED)
    maintain_once(database_url)

    store_run(database_url, run_id)

    assert counts(connection) == (1, 2, 1)


def test_a_change_of_a_run_that_was_deleted_meanwhile_is_tried_again(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.SerializationFailure):
        connection.execute("INSERT INTO run_changes (project_id, run_id) VALUES (1, %s)", (new_id(),))


def test_an_interrupted_detachment_is_finished(database_url: str, connection: psycopg.Connection) -> None:
    """A reader that began before keeps a partition from being detached within the time limit."""
    for days_ago in (EXPIRED, EXPIRED + 1):
        create_partitions(connection, days_ago)

    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM agent_failures")
        first = maintain_once(database_url)
        pending = connection.execute("SELECT count(*) FROM pg_inherits WHERE inhdetachpending").fetchone()
    second = maintain_once(database_url)

    assert (first["partitions_dropped"], pending) == (0, (1,))
    assert second["partitions_dropped"] == 4
    assert partitions(connection) == []


def test_a_partition_that_was_detached_and_not_dropped_is_dropped(
    database_url: str, connection: psycopg.Connection
) -> None:
    create_partitions(connection, EXPIRED)
    name = names_of(EXPIRED)[0]
    connection.execute(f"ALTER TABLE agent_failures DETACH PARTITION {name}")  # type: ignore[arg-type]

    assert maintain_once(database_url)["partitions_dropped"] == 2


def test_the_maintain_role_is_the_owner_only_when_it_says_so(connection: psycopg.Connection) -> None:
    connection.execute("SET SESSION AUTHORIZATION agenttrace_maintain")

    for statement in ("SELECT FROM agent_runs", "DROP TABLE agent_runs", "DELETE FROM agent_steps"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    connection.execute("SET ROLE agenttrace_owner")


def test_two_maintain_processes_share_the_work(database_url: str, connection: psycopg.Connection) -> None:
    for days_ago in range(EXPIRED, EXPIRED + 4):
        old_run(database_url, connection, days_ago)

    async def both(stores: Stores) -> Counter[str]:
        done = await asyncio.gather(*(maintainer(stores).once() for _ in range(2)))
        return sum(map(Counter, done), Counter())

    done = with_stores(database_url, both)
    rest = maintain_once(database_url)

    assert done["runs_deleted"] == 4
    assert done["partitions_dropped"] + rest["partitions_dropped"] == 8
    assert partitions(connection) == []


def test_days_are_dropped_while_writers_write(database_url: str, connection: psycopg.Connection) -> None:
    """No transaction of theirs fails, and every step of theirs is there afterwards."""
    for days_ago in range(EXPIRED, EXPIRED + 5):
        old_run(database_url, connection, days_ago)

    done, batches = asyncio.run(_write_and_drop(database_url))

    assert (done, partitions(connection)) == (10, [])
    assert batches > 10
    assert counts(connection) == (batches * 2, batches * 40, batches)
    assert_counters_equal_a_recount(connection)


async def _write_and_drop(url: str) -> tuple[int, int]:
    """How many partitions were dropped, and how many batches written meanwhile."""
    writing = WriteDatabase(url, name="writers", role="agenttrace_ingest", max_size=3, timeout_seconds=20)
    maintaining = Database(url, name="test", role="agenttrace_maintain", max_size=2, timeout_seconds=20)
    stop = asyncio.Event()
    await writing.open(10)
    await maintaining.open(10)
    writers = [asyncio.create_task(_write(IngestStore(writing, ErasureKeys()), stop)) for _ in range(3)]
    try:
        await asyncio.sleep(0.3)
        dropped = await _drop(maintaining)
        await asyncio.sleep(0.3)
        stop.set()
        return dropped, sum(await asyncio.gather(*writers))
    finally:
        await writing.close()
        await maintaining.close()


async def _write(store: IngestStore, stop: asyncio.Event) -> int:
    written = 0
    while not stop.is_set():
        run_ids = [new_id(), new_id()]
        steps = [step(run_id) for run_id in run_ids for _ in range(20)]
        message = upload(runs=[ended(run_id) for run_id in run_ids], steps=steps, failures=[failure(run_ids[0])])
        outcome = await record(store, message)
        assert {verdict.outcome for verdict in (*outcome.runs, *outcome.steps, *outcome.failures)} == {"ACCEPTED"}
        written += 1
    return written


async def _drop(database: Database) -> int:
    store, dropped = RetentionStore(database), 0
    assert await store.delete_runs(LAST_KEPT, 100) == 5
    async with asyncio.timeout(30):
        while dropped < 10:
            dropped += await store.drop_partitions(LAST_KEPT)
    return dropped
