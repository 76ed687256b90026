"""Reads steps: of one run in their order, or across runs, run by run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import AsyncConnection

from agenttrace_server import limits
from agenttrace_server.read_records import (
    Page,
    RunKey,
    RunPosition,
    StepFilter,
    StepPosition,
    StepSelection,
    StoredStep,
)
from agenttrace_server.store import run_selection, statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import conjunction, fetch, present

_SQL = statements.load("steps.sql")
MODEL, TOOL = _SQL["model"], _SQL["tool"]
# Runs that one chunk looks into at most. Most runs have dozens of steps: more runs would pass the limit of rows.
_RUNS_PER_CHUNK = 1000
# How much larger each window of runs is than the one before, while a page does not fill.
_WINDOW_GROWTH = 4


class StepStore:
    """The steps of a project. No index orders them across runs: a chunk walks runs and sorts the steps of a few."""

    def __init__(self, database: Database, *, scan_rows: int = limits.SCAN_ROWS) -> None:
        self._database = database
        self._scan_rows = scan_rows

    async def page(
        self, project_id: int, selection: StepSelection, after: StepPosition | None, size: int
    ) -> Page[StoredStep, StepPosition]:
        """Return at most `size` steps behind a position; perhaps none, and still a position to go on from."""
        async with self._database.transaction("list_steps", project_id) as connection:
            keys = await self._runs(connection, selection, after)
            return await self._walk(connection, keys, selection.step_filter, after, size)

    async def _runs(
        self, connection: AsyncConnection, selection: StepSelection, after: StepPosition | None
    ) -> Page[RunKey, RunPosition]:
        """The runs to walk, beginning with the one that the position is in."""
        if selection.run_id is not None:
            return Page(await fetch(connection, RunKey, _SQL["key_of_run"], {"run_id": selection.run_id}), None)
        start = run_selection.Start(
            RunPosition(after.run_start_time, after.run_id) if after else None,
            inclusive=after is not None and after.step_id is not None,
        )
        return await run_selection.page(
            connection, RunKey, run_selection.KEY_COLUMNS, selection.run_filter, start, _RUNS_PER_CHUNK, self._scan_rows
        )

    async def _walk(
        self,
        connection: AsyncConnection,
        keys: Page[RunKey, RunPosition],
        step_filter: StepFilter,
        after: StepPosition | None,
        size: int,
    ) -> Page[StoredStep, StepPosition]:
        """A page of the runs' steps after reading about `scan_rows` of them."""
        steps: list[StoredStep] = []
        walked = 0
        for window in windows(keys.rows, size + 1, self._scan_rows):
            steps += await of_runs(connection, window, step_filter, after, size + 1 - len(steps))
            walked += len(window)
            if len(steps) > size:
                return Page(steps[:size], steps[size - 1].position)
        last = keys.rows[walked - 1].position if walked < len(keys.rows) else keys.next
        return Page(steps, StepPosition(*last) if last else None)


async def of_runs(
    connection: AsyncConnection, keys: Sequence[RunKey], step_filter: StepFilter, after: StepPosition | None, limit: int
) -> list[StoredStep]:
    """Return the first steps of these runs: in the order of the runs, and within each in its own."""
    params = present(step_filter)
    clauses = [_SQL[f"where_{name}"].format(model=MODEL, tool=TOOL) for name in params]
    if after is not None and after.step_id is not None:
        clauses.append(_SQL["after"])
        params |= {f"after_{name}": value for name, value in _place(after).items()}
    sql = _SQL["of_runs"].format(conditions=conjunction(clauses))
    return await fetch(connection, StoredStep, sql, params | _columns(keys) | {"limit": limit})


def windows(keys: Sequence[RunKey], first_rows: int, all_rows: int) -> Iterator[Sequence[RunKey]]:
    """Cut runs into windows of ever more steps; stop before `all_rows` steps, but give at least one run."""
    begin, read, wanted = 0, 0, first_rows
    for index, key in enumerate(keys):
        if read and read + key.step_count > all_rows:
            break
        read += key.step_count
        if read >= wanted:
            yield keys[begin : index + 1]
            begin, wanted = index + 1, read * _WINDOW_GROWTH
    else:
        index = len(keys)
    if begin < index:
        yield keys[begin:index]


def _place(after: StepPosition) -> dict[str, Any]:
    return {"run_id": after.run_id, "sequence": after.sequence, "time": after.start_time, "id": after.step_id}


def _columns(keys: Sequence[RunKey]) -> dict[str, Any]:
    return {
        "run_ids": [key.run_id for key in keys],
        "days": [key.day for key in keys],
        "start_times": [key.start_time for key in keys],
    }
