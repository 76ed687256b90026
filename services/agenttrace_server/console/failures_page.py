"""The page of failures: of which kinds there were how many, where, since when, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace_server.console import breakdown, failure_charts
from agenttrace_server.console.asked import SCOPE, one_of, scope_filters
from agenttrace_server.console.breakdown import Choice
from agenttrace_server.console.failures_read import MOST_FAILURES, MOST_KINDS, STEP_DIMENSIONS, Failures, read_failures
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.periods import choices, period
from agenttrace_server.console.selection import FAILURE_TYPES
from agenttrace_server.console.state import reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response


_DIMENSIONS = ("agent", "version", *STEP_DIMENSIONS)
_SHOWN_FAILURES = 15


async def page(request: Request) -> Response:
    """GET /failures."""
    told = period(request.query_params)
    chosen = {name: request.query_params[name] for name in (*SCOPE, "type", "code") if request.query_params.get(name)}
    by = one_of("by", request.query_params.get("by", "agent"), _DIMENSIONS)
    choice = Choice(one_of("type", chosen.get("type", ""), ("", *FAILURE_TYPES)), chosen.get("code", ""))
    found = await read_failures(reader(request), told, scope_filters(chosen), choice, by)
    where = {**chosen, **told.parameters}
    return render(
        request,
        "failures.html",
        found=found,
        totals=found.stats.totals,
        all=breakdown.total(found.counts),
        codes=breakdown.by_code(found.counts),
        newest=found.newest[:_SHOWN_FAILURES],
        over_time=failure_charts.over_time(found, told, where),
        by_type=failure_charts.by_type(found, where),
        by_place=_by_place(found, by, where),
        by=by,
        dimensions=[(name, url("/failures", where, {"by": name}) + "#by", name == by) for name in _DIMENSIONS],
        chosen=chosen,
        where=where,
        link=lambda path, changes: url(path, {**where, **changes}),
        choice=choice,
        period=told,
        periods=choices("/failures", chosen, told),
        most_failures=MOST_FAILURES,
        is_cut=len(found.stats.failures) >= MOST_KINDS,
    )


def _by_place(found: Failures, by: str, where: Mapping[str, str]) -> Markup:
    if by in STEP_DIMENSIONS:
        return failure_charts.by_step(found, by)
    draw = failure_charts.by_agent if by == "agent" else failure_charts.by_version
    return draw(found, where)
