"""Reads one run with all that belongs to it, in one snapshot."""

from __future__ import annotations

from uuid import UUID

from psycopg import AsyncConnection

from agenttrace_server import limits
from agenttrace_server.errors import RunNotFound
from agenttrace_server.read_records import Page, RunDetail, RunKey, StepFilter, StepPosition, StoredRun, StoredStep
from agenttrace_server.store import failures, run_selection, statements, steps
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("run_details.sql")
_MISSING_STEPS = 100


class RunDetailStore:
    """Single runs in detail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, project_id: int, run_id: str) -> RunDetail:
        """Return the run with its first failures and steps, or raise RunNotFound."""
        async with self._database.transaction("get_run", project_id) as connection:
            sql = _SQL["run"].format(columns=run_selection.COLUMNS)
            found = await fetch(connection, StoredRun, sql, {"run_id": run_id})
            if not found:
                raise RunNotFound
            key = found[0].key
            return RunDetail(
                run=found[0],
                failures=await failures.of_run(connection, key, limits.RUN_FAILURES),
                steps=await _first_steps(connection, key),
                missing_step_ids=await _missing_steps(connection, key),
            )


async def _first_steps(connection: AsyncConnection, key: RunKey) -> Page[StoredStep, StepPosition]:
    size = limits.PAGE_SIZE_STEPS
    rows = await steps.of_runs(connection, [key], StepFilter(), None, size + 1)
    return Page(rows[:size], rows[size - 1].position if len(rows) > size else None)


async def _missing_steps(connection: AsyncConnection, key: RunKey) -> list[UUID]:
    params = {"run_id": key.run_id, "day": key.day, "limit": _MISSING_STEPS}
    cursor = await connection.execute(_SQL["missing_steps"], params)
    return [row[0] for row in await cursor.fetchall()]
