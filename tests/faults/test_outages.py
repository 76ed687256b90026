"""The database is slow, full, away or failed over: health says so, clients lose nothing (F7 - F9, F19, F40, F46)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agenttrace_server.embedded import EmbeddedPostgres
from faults import agent
from faults.agent import Agent, Task
from faults.conftest import Serve
from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.health import INGEST, QUERY, HealthWatch, status
from faults.oracle import Generator, Item, Journal, Message, check
from faults.postgres import answers, host_and_port, stop_at_once
from faults.processes import IngestProcess, Proxy, wait_until
from faults.surroundings import Network, network, small_disk
from fix_postgres import PostgresServer

OUTAGE = ("UNAVAILABLE", "STORE_UNAVAILABLE", 2.0)
NOWHERE = ("127.0.0.1", 1)


def through(url: str, way: Proxy) -> str:
    """The same database by way of a proxy."""
    return make_conninfo(url, host="127.0.0.1", port=way.port)


def disconnect(connection: psycopg.Connection, name: str) -> None:
    """End all sessions of a service."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE %s",
        (f"agenttrace-{name}%",),
    )


@pytest.mark.parametrize(
    ("away_seconds", "truth_seconds"), [(4, 15), pytest.param(60, 5, marks=pytest.mark.faults)], ids=["4 s", "60 s"]
)
def test_health_tells_of_an_outage_and_of_its_end_and_a_spool_loses_nothing(
    serve: Serve, own_postgres: EmbeddedPostgres, tmp_path: Path, away_seconds: float, truth_seconds: float
) -> None:
    """F8, F40: the process stays alive, both services are not ready, and Check and Watch agree."""
    server = PostgresServer(own_postgres.url)
    name = server.create(template=server.template)
    with Proxy(host_and_port(own_postgres.url)) as way, ExitStack() as stack:
        url = through(server.url_of(name), way)
        ingest, query = serve(database_url=url), serve(database_url=url, name="query")
        alive, ready, reading = (
            stack.enter_context(HealthWatch(service.address, watched))
            for service, watched in ((ingest, ""), (ingest, INGEST), (query, QUERY))
        )
        enough = tmp_path / "enough"
        with Agent(_endless(ingest, tmp_path, enough)) as recorder:
            while not recorder.line()["accepted"]:
                pass

            stop_at_once(own_postgres)
            stopped = time.monotonic()
            for watch in (ready, reading):
                wait_until(lambda w=watch: w.now == "NOT_SERVING", "health tells of the outage", truth_seconds)  # type: ignore[misc]
            assert (status(ingest.address, INGEST), status(query.address, QUERY)) == ("NOT_SERVING", "NOT_SERVING")
            while time.monotonic() < stopped + away_seconds or recorder.line()["spooled"] < 500:
                recorder.line()
            own_postgres.start()
            way.target = host_and_port(own_postgres.url)
            wait_until(lambda: answers(server_url(own_postgres, name)), "the database answers")
            for watch in (ready, reading):
                wait_until(lambda w=watch: w.now == "SERVING", "health tells of its end", truth_seconds)  # type: ignore[misc]
            enough.touch()
            receipt = recorder.end()

        assert alive.statuses == ["SERVING"]
        assert (receipt["dropped"], receipt["pending"], receipt["spooled"]) == (0, 0, 0)
        with psycopg.connect(server_url(own_postgres, name), autocommit=True) as connection:
            assert len(agent.check(connection, tmp_path / "agent", complete=True)) > 500
        ingest.assert_log_is_calm()
        query.assert_log_is_calm()
        for service in (ingest, query):
            service.__exit__()


def server_url(server: EmbeddedPostgres, name: str) -> str:
    return make_conninfo(server.url, dbname=name)


def _endless(service: IngestProcess, folder: Path, enough: Path) -> Task:
    """An agent that records until it is told that it is enough."""
    return Task(
        endpoint=f"http://{service.address}",
        folder=str(folder / "agent"),
        spool=str(folder / "spool"),
        runs=1_000_000,
        steps=40,
        flush_seconds=0.02,
        pause_seconds=0.02,
        enough=str(enough),
        then="close",
        bounds={"delay_seconds": 0.01},
    )


@pytest.mark.faults
def test_one_service_may_have_lost_the_database_that_the_other_still_has(
    serve: Serve, connection: psycopg.Connection, database_url: str
) -> None:
    """F40: each tells of itself."""
    with Proxy(host_and_port(database_url)) as way:
        ingest, query = serve(), serve(name="query", database_url=through(database_url, way))
        with HealthWatch(query.address, QUERY) as watch:
            wait_until(lambda: watch.now == "SERVING", "it is ready")
            way.target = NOWHERE
            disconnect(connection, "query")

            wait_until(lambda: watch.now == "NOT_SERVING", "the query service is not ready")
            assert (status(ingest.address, INGEST), status(query.address, "")) == ("SERVING", "SERVING")

            way.target = host_and_port(database_url)
            wait_until(lambda: watch.now == "SERVING", "it is ready again")
        query.__exit__()


def test_a_failover_is_an_outage_and_no_bug(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F46: nobody listens, then a standby that only reads, then the new primary."""
    items = make.runs(20)
    with Proxy(host_and_port(database_url)) as way:
        service = serve(database_url=through(database_url, way), pool_timeout_seconds=1)
        streams = cut(make.messages(items, sizes=(10, 60)), 2)
        assert send_streams(service.address, streams[:1], journal) == []

        way.target = NOWHERE
        disconnect(connection, "ingest")
        left = send_streams(service.address, streams[1:], journal)
        assert left
        _set_read_only(connection, "on")
        way.target = host_and_port(database_url)
        read_only = len(journal.errors)
        left = send_streams(service.address, cut(left, 2), journal, resend=True)
        assert left
        assert len(journal.errors) > read_only
        _set_read_only(connection, "off")
        disconnect(connection, "ingest")
        wait_until(lambda: not send_streams(service.address, cut(left, 2), journal, resend=True), "it goes on")
        service.__exit__()

    assert set(journal.errors) == {OUTAGE}
    check(connection, items, journal, complete=True)
    service.assert_log_is_calm()


def _set_read_only(connection: psycopg.Connection, value: str) -> None:
    statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
    connection.execute("SET default_transaction_read_only = off")
    connection.execute(statement.format(sql.Identifier(connection.info.dbname), sql.Literal(value)))


SLOW = """
CREATE FUNCTION wait_two_seconds() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
CREATE TRIGGER wait_two_seconds BEFORE INSERT ON agent_steps
    FOR EACH STATEMENT EXECUTE FUNCTION wait_two_seconds();
"""


def test_a_slow_database_slows_its_clients_down(
    serve: Serve, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """F7: a client may write no faster than its steps are stored; what waits in between is bounded."""
    service = serve(ingest_max_waiting=500, pool_timeout_seconds=20)
    run = make.run(0)
    batches = [[*run, *(make.step(run[0].key[1]) for _ in range(50))]] + [
        [make.step(run[0].key[1]) for _ in range(10)] for _ in range(900)
    ]
    written: list[int] = []
    at_rest: list[int] = []
    connection.execute(SLOW)

    def watch() -> None:
        seen = -1
        while seen != len(written):
            seen = len(written)
            time.sleep(1)
        at_rest.append(seen)
        connection.execute("DROP FUNCTION wait_two_seconds CASCADE")

    def upload() -> None:
        with channel_to(service.address) as channel:
            assert send(channel, batches, journal, on_message=lambda: written.append(1)) == []

    at_once([upload, watch])

    assert at_rest[0] < 450, "of 901 messages"
    check(connection, [item for batch in batches for item in batch], journal, complete=True)
    service.assert_log_is_calm()


def test_a_full_disk_under_the_database_is_an_outage_and_leaves_no_half_batch(
    serve: Serve, tmp_path: Path, make: Generator, journal: Journal
) -> None:
    """F9: PostgreSQL's folder has no room for another page; then there is room again."""
    items = make.runs(300)
    streams = cut(make.messages(items, sizes=(100, 300)), 4)
    settings = {"max_wal_size": "64MB", "min_wal_size": "64MB"}
    with small_disk(tmp_path / "disk", "320m") as disk, EmbeddedPostgres(disk / "own", settings=settings) as postgres:
        server = PostgresServer(postgres.url)
        url = server.url_of(server.create(template=server.template))
        service = serve(database_url=url)
        with psycopg.connect(url, autocommit=True) as connection:
            # A log segment that has just begun has room for what this test writes.
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")
            _fill(disk / "ballast")

            left = send_streams(service.address, streams, journal)

            assert left
            assert set(journal.errors) == {OUTAGE}
            check(connection, items, journal)
            (disk / "ballast").unlink()
            assert send_streams(service.address, cut(left, 4), journal, resend=True) == []
            check(connection, items, journal, complete=True)
        service.assert_log_is_calm()
        service.__exit__()


def _fill(path: Path) -> None:
    """Write until the disk is full but for a megabyte."""
    free = os.statvfs(path.parent)
    path.write_bytes(bytes(free.f_bavail * free.f_frsize - 2**20))


WAY = """
import sys, threading
from faults.processes import Proxy
target, listen = sys.argv[1].rsplit(":", 1), sys.argv[2]
with Proxy((target[0], int(target[1])), host=listen) as way:
    print(way.port, flush=True)
    threading.Event().wait()
"""


@contextmanager
def distant(url: str) -> Iterator[tuple[Network, str]]:
    """The same database as if on another host, and the network in between."""
    with (
        network() as there,
        Proxy(host_and_port(url), host=there.ours) as near,
        there.running_python(WAY, f"{there.ours}:{near.port}", there.theirs) as told,
    ):
        yield there, make_conninfo(url, host=there.theirs, port=int(told()))


@pytest.mark.faults
def test_a_database_that_vanishes_without_a_word_holds_nobody_up_for_long(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F19 towards the database: nothing of what we send arrives, and nothing says so. A failed host looks like that."""
    items = make.runs(10)
    more: list[list[Item]] = [make.run(20) for _ in range(12)]
    with distant(database_url) as (there, url):
        service = serve(database_url=url)
        assert send_streams(service.address, [make.messages(items)], journal) == []

        there.lose_what_it_is_sent()
        began = time.monotonic()
        left: list[Message] = send_streams(service.address, cut(more, 3), journal, resend=True, timeout=100)
        took = time.monotonic() - began
        assert status(service.address, INGEST) == "NOT_SERVING"
        there.mend()
        wait_until(lambda: status(service.address, INGEST) == "SERVING", "it is ready again", 30)
        wait_until(lambda: not send_streams(service.address, cut(left, 3), journal, resend=True), "it goes on", 60)
        service.__exit__()

    assert {error[:2] for error in journal.errors} == {OUTAGE[:2]}
    assert took < 60, "the kernel alone gives up after a quarter of an hour"
    check(connection, [*items, *(item for batch in more for item in batch)], journal, complete=True)
    service.assert_log_is_calm()
