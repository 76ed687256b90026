"""The database fails beneath the ingest service: crashes, ended sessions, held locks, deadlocks (F4, F5, F6, F10)."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agenttrace_server.embedded import EmbeddedPostgres
from faults.conftest import Serve
from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.oracle import Generator, Item, Journal, Message, check
from faults.postgres import answers, host_and_port, stop_at_once
from faults.processes import IngestProcess, Proxy, wait_until
from fix_postgres import PostgresServer

OUTAGE = ("UNAVAILABLE", "STORE_UNAVAILABLE", 2.0)


def execute(connection: psycopg.Connection, statement: str) -> list[Any]:
    return connection.execute(statement).fetchall()  # type: ignore[arg-type]


BACKENDS = """
SELECT {} FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'agenttrace-ingest%'
"""
# What writes is done again inside. A look-up whose session ends is UNAVAILABLE, and its client comes back.
WRITING = "AND application_name = 'agenttrace-ingest-writer' "


def backends(connection: psycopg.Connection, condition: str = "") -> list[int]:
    return [pid for (pid,) in execute(connection, BACKENDS.format("pid") + condition)]


@pytest.mark.parametrize("crash", [pytest.param("backend killed", marks=pytest.mark.faults), "server stopped at once"])
def test_a_crash_of_the_database_mid_copy_leaves_batches_whole_or_absent_and_passes(
    serve: Serve, own_postgres: EmbeddedPostgres, chance: random.Random, make: Generator, journal: Journal, crash: str
) -> None:
    """F4. After a killed backend PostgreSQL ends all sessions and recovers on its own; stopped, it is started again.

    The steps of the transaction are copied, its failures are not yet.
    """
    server = PostgresServer(own_postgres.url)
    url = server.url_of(server.create(template=server.template))
    items = make.runs(40)
    messages = make.messages(items, sizes=(50, 200))
    with Proxy(host_and_port(url)) as proxy:
        service = serve(database_url=make_conninfo(url, host="127.0.0.1", port=proxy.port))

        def break_it() -> None:
            with psycopg.connect(url, autocommit=True) as connection:
                in_copy = "AND wait_event_type = 'Lock' AND query LIKE '%COPY agent_failures%'"
                wait_until(lambda: backends(connection, in_copy), "a COPY is under way")
                (victim, *_) = backends(connection, in_copy)
            if crash == "backend killed":
                os.kill(victim, signal.SIGKILL)
            else:
                stop_at_once(own_postgres)
                own_postgres.start()
                proxy.target = host_and_port(own_postgres.url)

        left: list[Message] = []
        with closing(psycopg.connect(url)) as holder:  # until the crash, so that it comes within the COPY
            holder.execute("LOCK TABLE agent_failures IN SHARE MODE")
            at_once([lambda: left.extend(send_streams(service.address, cut(messages, 4), journal)), break_it])
        began = time.monotonic()
        url = make_conninfo(url, port=host_and_port(own_postgres.url)[1])
        wait_until(lambda: answers(url), "the database has recovered")
        with psycopg.connect(url, autocommit=True) as connection:
            check(connection, items, journal)
            while left:  # as an agent does
                time.sleep(0.2)
                left = send_streams(service.address, cut(left, 4), journal, resend=True)

            assert time.monotonic() - began < 15
            check(connection, items, journal, complete=True)
            assert set(journal.errors) <= {OUTAGE}
            service.assert_log_is_calm()
        service.__exit__()


def test_a_terminated_backend_is_replaced_and_no_client_hears_of_it(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal
) -> None:
    """F5, several times under load: the transaction is done again, and nothing is stored twice.

    Fewer times than the service tries again: one transaction may be hit by all of them.
    """
    items = make.runs(120)
    messages = make.messages(items, sizes=(20, 120))
    victims: list[Any] = []

    def terminate() -> None:
        for _ in range(4):
            wait_until(lambda: backends(connection, WRITING + "AND state = 'active'"), "it works")
            time.sleep(chance.random() / 50)
            one = BACKENDS.format("pg_terminate_backend(pid)") + WRITING + "ORDER BY state, random() LIMIT 1"
            victims.extend(execute(connection, one))

    at_once([lambda: _send_all(service, messages, journal), terminate])

    assert victims == [(True,)] * 4
    assert journal.errors == []
    check(connection, items, journal, complete=True, counts_are_exact=False)
    service.assert_log_is_calm()


def _send_all(service: IngestProcess, messages: list[list[Item]], journal: Journal) -> None:
    assert send_streams(service.address, cut(messages, 3), journal) == []


def test_idle_connections_that_have_died_are_replaced_before_anyone_notices(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """F5: what a restart of the database or a firewall leaves in the pool."""
    with channel_to(service.address) as channel:
        for _ in range(3):
            items = make.run(3)
            assert execute(connection, BACKENDS.format("pg_terminate_backend(pid)"))
            assert send(channel, [items], journal) == []


def test_locked_rows_end_calls_in_bounded_time_and_memory(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F6: a pool of two, and another session holds a run that every batch needs."""
    service = serve(pool_max_size=2, pool_timeout_seconds=1, ingest_max_waiting=2000)
    shared = make.run(1)
    with channel_to(service.address) as channel:
        assert send(channel, [shared], journal) == []
    before = service.resident_bytes()
    run_id = shared[0].key[1]
    batches = [[make.step(run_id) for _ in range(200)] for _ in range(45)]
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM agent_runs FOR UPDATE")
        began = time.monotonic()

        left = send_streams(service.address, cut(batches, 3), journal, clients=15)
        took = time.monotonic() - began

    assert len(left) == len(batches)
    assert set(journal.errors) <= {OUTAGE, ("UNAVAILABLE", "OVERLOADED", 1.0)}
    assert took < 10
    assert service.resident_bytes() - before < 60 * 2**20
    while left:
        left = send_streams(service.address, cut(left, 3), journal, resend=True)
    check(connection, [*shared, *(step for batch in batches for step in batch)], journal, complete=True)
    service.assert_log_is_calm()


def test_a_full_queue_refuses_new_calls_and_holds_back_open_ones(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """Open streams wait for room; a call that comes meanwhile is told at once to come back."""
    service = serve(ingest_max_waiting=100, pool_timeout_seconds=20)
    batches = [make.run(50) for _ in range(30)]
    refused: list[Item] = make.run(1)
    late: list[tuple[str, str, float]] = []

    def come_late() -> None:
        wait_until(lambda: len(backends(connection, "AND wait_event_type = 'Lock'")) >= 2, "the writers wait")
        with channel_to(service.address) as channel:
            wait_until(lambda: _refused(channel, refused, journal, late), "the queue is full")
        holder.rollback()

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_runs IN SHARE MODE")
        left: list[Message] = []
        at_once([lambda: left.extend(send_streams(service.address, cut(batches, 15), journal, clients=2)), come_late])

    assert set(late) == {("UNAVAILABLE", "OVERLOADED", 1.0)}
    assert len(left) in (0, 15)  # at least the one that was open went on
    assert not left or send_streams(service.address, cut(left, 15), journal) == []
    check(connection, [*refused, *(item for batch in batches for item in batch)], journal)


def _refused(channel: Any, items: list[Item], journal: Journal, late: list[Any]) -> bool:
    """Whether a call is refused at once; one that is taken would wait for the lock, and is given up."""
    send(channel, [items], journal, timeout=0.3)
    late[:] = [error for error in journal.errors if error[0] != "DEADLINE_EXCEEDED"]
    return bool(late)


def test_a_deadlock_with_another_session_is_retried_inside(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F10: a session of somebody else locks two runs in the other order, and PostgreSQL ends our transaction."""
    runs = sorted([make.run(2), make.run(2)], key=lambda items: items[0].key[1])
    first, second = (items[0].key[1] for items in runs)
    more = [make.step(first), make.step(second)]
    with channel_to(service.address) as channel, psycopg.connect(database_url) as other:
        assert send(channel, runs, journal) == []
        # Never the one that finds the deadlock, and so never its victim.
        other.execute("SET deadlock_timeout = '60 s'")
        lock = "SELECT FROM agent_runs WHERE run_id = %s FOR UPDATE"
        other.execute(lock, (second,))

        def close_the_circle() -> None:
            wait_until(lambda: backends(connection, "AND wait_event_type = 'Lock'"), "ours waits for the second")
            other.execute(lock, (first,))
            other.rollback()

        at_once([lambda: send(channel, [more], journal), close_the_circle])

    # At least one: ours may be back at the first run before the other session is told that it has it.
    ((deadlocks,),) = execute(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks >= 1
    assert journal.errors == []
    check(connection, [*runs[0], *runs[1], *more], journal, complete=True)


def test_a_serialization_failure_is_retried_inside(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F10: where the operator has made repeatable read the default, an update that another has made ends ours."""
    connection.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = %L', "
        "current_database(), 'repeatable read'); END $$"
    )
    service = serve()
    items = make.run(3)
    more = [make.step(items[0].key[1])]
    with channel_to(service.address) as channel, psycopg.connect(database_url) as other:
        assert send(channel, [items], journal) == []
        other.execute("UPDATE agent_runs SET tags = '{touched}'")

        def commit_first() -> None:
            wait_until(lambda: backends(connection, "AND wait_event_type = 'Lock'"), "ours waits for the run")
            other.commit()

        at_once([lambda: send(channel, [more], journal), commit_first])

    assert journal.errors == []
    check(connection, [*items, *more], journal, complete=True)


def test_many_writers_of_the_same_runs_in_any_order_do_not_deadlock(
    serve: Serve, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal
) -> None:
    """F10: two services with several transactions each; every batch has a part of every run, in another order."""
    one, other = serve(ingest_transactions=3), serve(ingest_transactions=3)
    items = make.runs(12, steps=(40, 60))
    messages = make.messages(items, sizes=(20, 40))
    halves = messages[::2], messages[1::2]

    left: list[Message] = []
    at_once(
        [
            lambda s=service, h=half: left.extend(send_streams(s.address, cut(h, 1), journal, clients=8))
            for service, half in zip((one, other), halves, strict=True)
        ]
    )

    assert (left, journal.errors) == ([], [])
    assert execute(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    check(connection, items, journal, complete=True)
