"""Reads failures with what is derived from the runs around them: recovered, and the root of each run."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from agenttrace_server import limits
from agenttrace_server.read_records import FailurePosition, FailureSelection, Page, RunKey, StoredFailure
from agenttrace_server.store import roots, statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import conjunction, fetch, fetch_page, present

SQL = statements.load("failures.sql")
# Rows read at first where a page may not fill, and how many times more at each further time.
_FIRST_ROWS, _GROWTH = 1000, 4
# What an index or a partition narrows down before a row is read; the others are looked at row by row.
_SCANNED = ("occur_time_from", "occur_time_before")
_LAST_SUCCESS = SQL["last_success"].format(first_attempt=SQL["first_attempt"])
_DERIVED = {"recovered": SQL["recovered"].format(last_success=_LAST_SUCCESS)}


class FailureStore:
    """The failures of a project, latest first."""

    def __init__(self, database: Database, *, scan_rows: int = limits.SCAN_ROWS) -> None:
        self._database = database
        self._scan_rows = scan_rows

    async def page(
        self, project_id: int, selection: FailureSelection, after: FailurePosition | None, size: int
    ) -> Page[StoredFailure, FailurePosition]:
        """Return at most `size` failures behind a position; perhaps none, and still a position to go on from.

        A few are read at first, and more while the page does not fill.
        """
        rows: list[StoredFailure] = []
        async with self._database.transaction("list_failures", project_id) as connection:
            for bound in _bounds(self._scan_rows):
                query = _query(selection, after, bound)
                found = await _read(connection, query, size - len(rows))
                rows += found.rows
                after = found.next
                if after is None or len(rows) == size:
                    break
            return Page(await _with_roots(connection, rows), after)


def _bounds(all_rows: int) -> Iterator[int]:
    """Ever more rows, all of them together `all_rows`."""
    wanted, left = _FIRST_ROWS, all_rows
    while left > 0:
        yield min(wanted, left)
        left -= wanted
        wanted *= _GROWTH


async def _read(connection: AsyncConnection, query: _Query, size: int) -> Page[StoredFailure, FailurePosition]:
    reach = (await fetch(connection, _Reach, query.reach_sql, query.params | {"limit": size + 1}))[0]
    params = query.params | reach._asdict()
    return await fetch_page(
        connection, StoredFailure, FailurePosition, query.page_sql, query.scan_end_sql, params, size
    )


class _Reach(NamedTuple):
    """The partitions that a page is in, and the runs in which failures may have been recovered from."""

    days: Sequence[date]
    run_ids: Sequence[UUID]


class _Query(NamedTuple):
    """The statements that read a page: first what it reaches, then its rows, then where its scan ended."""

    reach_sql: str
    page_sql: str
    scan_end_sql: str | None
    params: dict[str, Any]


def _query(selection: FailureSelection, after: FailurePosition | None, scan_rows: int) -> _Query:
    params = present(selection.failure_filter)
    others = [SQL[f"where_{name}"].format(**_DERIVED) for name in params if name not in _SCANNED]
    scanned = [SQL[f"where_{name}"] for name in _SCANNED if name in params]
    scanned += [SQL["where_run"]] if selection.run_id else []
    scanned += [SQL["after"]] if after else []
    # Without other filters the limit alone bounds the scan, and the planner knows that few rows are wanted.
    bound = "scan_rows" if others else "limit"
    scan = _scan("scan", scanned, bound)
    on_days = [*scanned, SQL["on_days"]]
    return _Query(
        SQL["reach_of_run" if selection.run_id else "reach_of_scan"].format(scan=scan),
        _details(_scan("scan", on_days, bound), conjunction(others), SQL["latest_first"]),
        _scan("scan_end", on_days, bound) if others else None,
        params | _place(after) | {"run_id": selection.run_id, "scan_rows": scan_rows},
    )


def _scan(name: str, conditions: Sequence[str], bound: str) -> str:
    return SQL[name].format(conditions=conjunction(conditions), order=SQL["latest_first"], bound=bound)


async def of_run(connection: AsyncConnection, key: RunKey, limit: int) -> list[StoredFailure]:
    """Return the first failures of a run, earliest first."""
    sql = _details(SQL["of_runs"], "true", SQL["earliest_first"])
    failures = await fetch(connection, StoredFailure, sql, _of_runs_params({key.run_id: key.day}) | {"limit": limit})
    return await _with_roots(connection, failures)


async def _with_roots(connection: AsyncConnection, failures: Sequence[StoredFailure]) -> list[StoredFailure]:
    """The failures, with those marked that are the root of their run."""
    # A failure without company is the root, unless it was recovered.
    alone = {(f.run_id, f.failure_id) for f in failures if f.failure_count == 1 and not f.recovered}
    roots_found = alone | await _roots_in_company(connection, [f for f in failures if f.failure_count > 1])
    return [dataclasses.replace(f, root=True) if (f.run_id, f.failure_id) in roots_found else f for f in failures]


async def _roots_in_company(connection: AsyncConnection, failures: Sequence[StoredFailure]) -> set[tuple[UUID, UUID]]:
    """Run and id of the root of each run, among its first failures."""
    days = {f.run_id: f.day for f in failures}
    if not days:
        return set()
    sql = _details(SQL["of_runs"], SQL["is_candidate"].format(**_DERIVED), SQL["earliest_first"])
    params = _of_runs_params(days) | {"limit": limits.RUN_FAILURES * len(days)}
    by_run: dict[UUID, list[StoredFailure]] = defaultdict(list)
    for candidate in await fetch(connection, StoredFailure, sql, params):
        by_run[candidate.run_id].append(candidate)
    found = [await _root(connection, candidates) for candidates in by_run.values()]
    return {(failure.run_id, failure.failure_id) for failure in found}


async def _root(connection: AsyncConnection, candidates: Sequence[StoredFailure]) -> StoredFailure:
    if len(candidates) == 1:
        return candidates[0]
    # Run by run: the trees of many runs at once may be too large to hold.
    run = {"run_id": candidates[0].run_id, "day": candidates[0].day}
    return roots.root(candidates, dict(await (await connection.execute(SQL["parents"], run)).fetchall()))


def _details(source: str, conditions: str, order: str) -> str:
    successes = SQL["successes"].format(scope=SQL["scope"])
    return SQL["details"].format(source=source, conditions=conditions, order=order, successes=successes, **_DERIVED)


def _of_runs_params(days: Mapping[UUID, date]) -> dict[str, Any]:
    return {"run_ids": list(days), "days": list(days.values()), "failures_per_run": limits.RUN_FAILURES}


def _place(after: FailurePosition | None) -> dict[str, Any]:
    if after is None:
        return {}
    return {"after_time": after.occur_time, "after_id": after.failure_id, "after_run_id": after.run_id}
