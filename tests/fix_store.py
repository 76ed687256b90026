"""The ingest store on a real database, driven from a test that is no coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from agenttrace.v1 import ingest_service_pb2
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.ingest import convert
from agenttrace_server.ingest.values import Period
from agenttrace_server.records import DEFAULT_PROJECT_ID, Outcome
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.write_pool import WriteDatabase

_Result = TypeVar("_Result")
ERASURE_KEY = "an erasure key for tests, long enough"
# What time and chance decide, rather than the messages.
VOLATILE = ("create_time", "update_time")


def with_store(
    url: str,
    act: Callable[[IngestStore], Coroutine[Any, Any, _Result]],
    erasure_keys: ErasureKeys = ErasureKeys(ERASURE_KEY),  # noqa: B008 - it is immutable
) -> _Result:
    """Run `act` on a store that acts as the ingest role."""

    async def run() -> _Result:
        database = WriteDatabase(url, name="test", role="agenttrace_ingest", max_size=8, timeout_seconds=20)
        await database.open(10)
        try:
            return await act(IngestStore(database, erasure_keys))
        finally:
            await database.close()

    return asyncio.run(run())


async def record(
    store: IngestStore, message: ingest_service_pb2.UploadStepsRequest, project_id: int = DEFAULT_PROJECT_ID
) -> Outcome:
    """Store one upload message that has nothing to refuse."""
    batch = convert.batch_from_message(message, Period.around(datetime.now(UTC), timedelta(days=90)))
    assert batch.refused == []
    return await store.write(project_id, batch.runs.rows, batch.steps.rows, batch.failures.rows)


def stored(connection: psycopg.Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of runs, steps and failures, without what differs from time to time."""
    tables = {"agent_runs": "run_id", "agent_steps": "step_id", "agent_failures": "failure_id"}
    found = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for table, key in tables.items():
            rows = cursor.execute(f"SELECT * FROM {table} ORDER BY run_id, {key}").fetchall()  # type: ignore[arg-type]
            found[table] = [{k: v for k, v in row.items() if k not in VOLATILE} for row in rows]
    return found


# The counters of each run beside a recount of its rows; the two are equal, or the product is broken.
RECOUNT = """
SELECT r.run_id,
       (r.step_count, r.failed_step_count, r.retry_count, r.failure_count, r.failure_types, r.failure_codes,
        r.input_tokens, r.output_tokens, r.cost_micro_usd)::text AS stored,
       (s.n, s.failed, s.retries, f.n, f.types, f.codes, s.input, s.output, s.cost)::text AS recounted
FROM agent_runs r,
LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE status = 'ERROR') AS failed,
                count(*) FILTER (WHERE attempt > 1) AS retries, coalesce(sum(input_tokens), 0) AS input,
                coalesce(sum(output_tokens), 0) AS output, coalesce(sum(cost_micro_usd), 0) AS cost
         FROM agent_steps WHERE (project_id, run_id) = (r.project_id, r.run_id)) s,
LATERAL (SELECT count(*) AS n,
                ARRAY(SELECT DISTINCT type FROM agent_failures
                      WHERE (project_id, run_id) = (r.project_id, r.run_id) ORDER BY 1) AS types,
                ARRAY(SELECT DISTINCT code COLLATE "C" FROM agent_failures
                      WHERE (project_id, run_id) = (r.project_id, r.run_id) ORDER BY 1 LIMIT 8) AS codes
         FROM agent_failures WHERE (project_id, run_id) = (r.project_id, r.run_id)) f
"""


def assert_counters_equal_a_recount(connection: psycopg.Connection) -> None:
    for run_id, counters, recounted in connection.execute(RECOUNT):
        assert counters == recounted, run_id


def counts(connection: psycopg.Connection) -> tuple[int, ...]:
    """How many runs, steps and failures are stored."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM agent_runs), (SELECT count(*) FROM agent_steps), "
        "(SELECT count(*) FROM agent_failures)"
    ).fetchone()
    assert row
    return row


def empty(connection: psycopg.Connection) -> None:
    """Delete what a property test's example has stored.

    Cheaper than a database for each example; and than TRUNCATE, which makes new files for each of 60 partitions and
    indexes.
    """
    for table in ("agent_runs", "agent_steps", "agent_failures", "run_changes"):
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
