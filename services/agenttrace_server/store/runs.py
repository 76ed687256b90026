"""Reads runs: pages of them, and some by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from agenttrace_server import limits
from agenttrace_server.read_records import Page, RunFilter, RunPosition, StoredRun
from agenttrace_server.store import run_selection, statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("runs.sql")


class RunStore:
    """The runs of a project, newest first."""

    def __init__(self, database: Database, *, scan_rows: int = limits.SCAN_ROWS) -> None:
        self._database = database
        self._scan_rows = scan_rows

    async def page(
        self, project_id: int, run_filter: RunFilter, after: RunPosition | None, size: int
    ) -> Page[StoredRun, RunPosition]:
        """Return at most `size` runs behind a position; perhaps none, and still a position to go on from."""
        async with self._database.transaction("list_runs", project_id) as connection:
            return await run_selection.page(
                connection,
                StoredRun,
                run_selection.COLUMNS,
                run_filter,
                run_selection.Start(after),
                size,
                self._scan_rows,
            )

    async def by_ids(self, project_id: int, run_ids: Sequence[UUID], run_filter: RunFilter) -> list[StoredRun]:
        """Return those of the runs that the filter selects now."""
        conditions, params = run_selection.where(run_filter)
        sql = _SQL["by_ids"].format(columns=run_selection.COLUMNS, conditions=conditions)
        async with self._database.transaction("get_runs", project_id) as connection:
            return await fetch(connection, StoredRun, sql, {**params, "run_ids": list(run_ids)})
