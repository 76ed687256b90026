"""The limit: the same rows, already encoded, by raw COPY BINARY into the same tables on the same server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agenttrace_server.records import DEFAULT_PROJECT_ID
from agenttrace_server.store import migrations
from benchmarks import copy_rows
from benchmarks.workload import Workload

_DATABASE = "bench_raw_copy"
_BATCH_ROWS = 5_000
_INSERT_RUNS = """
    INSERT INTO agent_runs (project_id, run_id, day, is_stub, status, start_time)
    SELECT %s, run_id, (now() AT TIME ZONE 'UTC')::date, true, 'RUNNING', now() FROM unnest(%s::uuid[]) run_id
"""


class RawCopy:
    """A database with our schema beside the product's, into which rows are copied without a service."""

    def __init__(self, url: str, workload: Workload) -> None:
        self._url = url
        today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        self._payloads = copy_rows.payloads(workload.rows(today), _BATCH_ROWS)
        self._rows = workload.steps
        self._run_ids = workload.run_ids()

    def rows_per_second(self, *, trigger: bool, connections: int = 1) -> float:
        """Copy all rows into empty tables, a batch a transaction. `trigger`: the one that moves the runs' counters."""
        with self._connection() as owner:
            self._prepare(owner, trigger=trigger)
            with ThreadPoolExecutor(connections) as threads:
                shares = [self._payloads[first::connections] for first in range(connections)]
                began = time.perf_counter()
                list(threads.map(self._copy, shares))
                elapsed = time.perf_counter() - began
            self._check(owner, counted=self._rows if trigger else 0)
        return self._rows / elapsed

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True)

    def _prepare(self, owner: psycopg.Connection, *, trigger: bool) -> None:
        owner.execute("TRUNCATE agent_runs, agent_steps")
        owner.execute(f"ALTER TABLE agent_steps {'ENABLE' if trigger else 'DISABLE'} TRIGGER USER")
        if trigger:
            owner.execute(_INSERT_RUNS, [DEFAULT_PROJECT_ID, self._run_ids])
        owner.execute("CHECKPOINT")

    def _copy(self, payloads: Sequence[bytes]) -> None:
        with self._connection() as connection, connection.cursor() as cursor:
            for payload in payloads:
                with cursor.copy(copy_rows.COPY) as copy:
                    copy.write(payload)

    def _check(self, owner: psycopg.Connection, counted: int) -> None:
        query = "SELECT (SELECT count(*) FROM agent_steps), (SELECT coalesce(sum(step_count), 0) FROM agent_runs)"
        assert owner.execute(query).fetchone() == (self._rows, counted)


@contextmanager
def database(product_url: str, workload: Workload) -> Iterator[RawCopy]:
    """Make a database beside the product's, for as long as the block runs."""
    url = make_conninfo(product_url, dbname=_DATABASE)
    with psycopg.connect(product_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))
        try:
            migrations.create_roles(url)
            migrations.migrate(url)
            yield RawCopy(url, workload)
        finally:
            owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_DATABASE)))
