"""Turns a filter of runs into SQL: named fragments for the fields present, values only as parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from psycopg import AsyncConnection

from agenttrace_server.read_records import Page, RunFilter, RunPosition
from agenttrace_server.store import statements
from agenttrace_server.store.reads import conjunction, fetch_page, present

_SQL = statements.load("run_selection.sql")
COLUMNS = _SQL["columns"]
KEY_COLUMNS = _SQL["key_columns"]
_RANGE = ("start_time_from", "start_time_before")
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page of runs begins: behind the position, or with it."""

    position: RunPosition | None
    inclusive: bool = False


def where(run_filter: RunFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition on api.runs, and its parameters, for a read that is not in the listing's order."""
    params = present(run_filter)
    return conjunction([_SQL[f"where_{name}"] for name in params]), params


async def page(
    connection: AsyncConnection,
    row: type[RowT],
    columns: str,
    run_filter: RunFilter,
    start: Start,
    size: int,
    scan_rows: int,
) -> Page[RowT, RunPosition]:
    """Return a page of the runs, newest first, after reading at most `scan_rows` of them.

    One filter leads: its index is walked in the listing's order. The others are looked at row by row, in a
    bounded number of rows. Two filters left to the planner would have it walk one index for as long as the
    other filter does not match, or sort everything.
    """
    params = present(run_filter) | _start_params(start) | {"scan_rows": scan_rows}
    lead, values = _lead(run_filter)
    params |= {f"lead_{index}": value for index, value in enumerate(values)}
    others = [_SQL[f"where_{name}"] for name in present(run_filter) if name not in (lead, *_RANGE)]
    # Without other filters the limit alone bounds the scan, and the planner knows that few rows are wanted.
    branches = _branches(run_filter, start, bound="scan_rows" if others else "limit")
    scan = _SQL["scan"].format(branches=branches) if others else branches
    page_sql = _SQL["page"].format(columns=columns, scan=scan, others=conjunction(others))
    end_sql = _SQL["scan_end"].format(branches=branches) if others else None
    return await fetch_page(connection, row, RunPosition, page_sql, end_sql, params, size)


def _start_params(start: Start) -> dict[str, Any]:
    if start.position is None:
        return {}
    return {"after_time": start.position.start_time, "after_id": start.position.run_id}


def _branches(run_filter: RunFilter, start: Start, *, bound: str) -> str:
    """One ordered scan for each value of the filter that leads, or one of all runs.

    A single `= ANY` over several values would be read in the order of the values and then sorted, all of it.
    """
    lead, values = _lead(run_filter)
    shared = [_SQL[f"where_{name}"] for name in _RANGE if getattr(run_filter, name) is not None]
    if start.position is not None:
        shared.append(_SQL["onward_from" if start.inclusive else "after"])
    own = [[_lead_clause(lead, index, value)] for index, value in enumerate(values)] or [[]]
    return "\nUNION ALL\n".join(_SQL["branch"].format(conditions=conjunction(o + shared), bound=bound) for o in own)


def _lead_clause(lead: str, index: int, value: str) -> str:
    if lead == "failure_types":
        return _SQL[f"lead_{value}"]
    return _SQL[f"lead_{lead}"].format(lead=f"lead_{index}")


def _lead(run_filter: RunFilter) -> tuple[str, Sequence[str]]:
    """The indexed filter that is likely to leave the fewest runs, and its values; nothing where there is none."""
    one_type = run_filter.failure_types if len(run_filter.failure_types) == 1 else ()
    unusual = () if "SUCCESS" in run_filter.statuses else run_filter.statuses
    candidates: list[tuple[str, Sequence[str]]] = [
        ("session_id", (run_filter.session_id,) if run_filter.session_id else ()),
        ("failure_types", one_type),  # several would need their overlap taken out
        ("statuses", unusual),
        ("agent_ids", run_filter.agent_ids),
        ("environments", run_filter.environments),
        ("statuses", run_filter.statuses),
    ]
    return next((candidate for candidate in candidates if candidate[1]), ("", ()))
