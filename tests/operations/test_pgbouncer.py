"""Services behind PgBouncer in transaction mode, set up as docs/postgresql.md says. More of it: `make operations`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import agenttrace
from agenttrace.exporter import Exporter
from agenttrace_server.errors import StartupError
from faults.courier import at_once, cut, send_streams
from faults.health import INGEST, status
from faults.oracle import Generator, Journal, check
from faults.processes import IngestProcess, wait_until
from fix_pgbouncer import PgBouncer, pgbouncer
from fix_postgres import PostgresServer
from fix_server import config_for, running
from operations.service import serving

PREFIX = "agenttrace_"


@pytest.fixture
def pooler(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Two connections for each database and role, which all of a test's services share."""
    with pgbouncer(postgres.url, pool_size=2) as started:
        yield started


def test_many_services_share_two_connections_and_lose_nothing(
    pooler: PgBouncer,
    database_url: str,
    connection: psycopg.Connection,
    make: Generator,
    journal: Journal,
    tmp_path: Path,
) -> None:
    url = pooler.settings_of(database_url)
    items = make.runs(60, steps=(5, 20))
    streams = cut(make.messages(items), 4)
    with serving(tmp_path / "a", database_url, **url) as one, serving(tmp_path / "b", database_url, **url) as other:
        senders = [lambda n=n, s=s: _send(s, streams[n::2], journal) for n, s in enumerate((one, other))]
        at_once(senders)
        _send(one, streams, journal, resend=True)
        backends = connection.execute(
            "SELECT usename, count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE %s "
            "GROUP BY 1", (f"{PREFIX}%",),
        ).fetchall()  # fmt: skip
        clients = [row for row in pooler.show("CLIENTS") if str(row["user"]).startswith(PREFIX)]
        one.assert_log_is_calm()
        other.assert_log_is_calm()

    check(connection, items, journal, complete=True)
    assert journal.duplicate["steps"] >= len([item for item in items if item.key[0] == "steps"])
    assert len(clients) > 2
    assert all(count <= 2 for _, count in backends), backends


def test_an_sdks_run_is_recorded_read_and_counted(pooler: PgBouncer, database_url: str) -> None:
    config = config_for(database_url, **pooler.settings_of(database_url))
    with running(config) as services, agenttrace.QueryClient(services.query_address) as client:
        exporter = Exporter(endpoint=services.ingest_address)
        with agenttrace.Tracer("support", "1.4.0", exporter=exporter) as tracer:
            with tracer.run() as run, run.step("tool", "lookup"):
                pass
            tracer.flush()
        stored, totals = client.run(run.run_id).run, client.stats().totals

    assert (stored.run.run_id, stored.step_count, totals.run_count) == (run.run_id, 1, 1)
    assert pooler.transactions() > 5


def test_an_outage_of_the_pooler_is_told_by_health_and_passes(
    pooler: PgBouncer,
    database_url: str,
    make: Generator,
    journal: Journal,
    connection: psycopg.Connection,
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "ingest", database_url, **pooler.settings_of(database_url)) as service:
        pooler.stop()
        wait_until(lambda: status(service.address, INGEST) == "NOT_SERVING", "health tells of it")
        pooler.start()
        wait_until(lambda: status(service.address, INGEST) == "SERVING", "it is back")
        items = make.runs(5)
        _send(service, cut(make.messages(items), 4), journal)
        service.assert_log_is_calm()
    check(connection, items, journal, complete=True)


def test_the_common_url_is_refused_behind_a_pooler(pooler: PgBouncer, database_url: str) -> None:
    """It takes the role on by a startup parameter; better no start than one as somebody else."""
    own = pooler.url_of(database_url, "query")

    with pytest.raises(StartupError), running(config_for(own, connect_timeout_seconds=1.0)):
        pass


def test_no_setting_of_a_transaction_is_left_to_the_next_client(pooler: PgBouncer, database_url: str) -> None:
    config = config_for(database_url, **pooler.settings_of(database_url))
    with running(config) as services, agenttrace.QueryClient(services.query_address) as client:
        client.stats()
        with psycopg.connect(pooler.url_of(database_url, "query"), autocommit=True) as next_client:
            left = next_client.execute(
                "SELECT nullif(current_setting('agenttrace.project_id', true), ''), "
                "current_setting('statement_timeout')"
            ).fetchone()
            prepared = next_client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()

    assert left == (None, "0")
    assert prepared == (0,)


def _send(service: IngestProcess, streams: list[object], journal: Journal, **options: bool) -> None:
    assert send_streams(service.address, streams, journal, **options) == []  # type: ignore[arg-type]
