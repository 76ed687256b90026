"""The page of comparisons: two versions, environments or periods of an agent beside each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agenttrace_server.console import compare_read, compare_view, comparison
from agenttrace_server.console.asked import one_of
from agenttrace_server.console.compare_read import DIMENSIONS, Side, read_side
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.periods import Period, choices, period
from agenttrace_server.console.state import reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from agenttrace import AsyncQueryClient
    from agenttrace.filters import RunFilters


async def page(request: Request) -> Response:
    """GET /compare."""
    asked = request.query_params
    told = period(asked, default="7d")
    by = one_of("by", asked.get("by", "version"), DIMENSIONS)
    client = reader(request)
    agents = await compare_read.agents(client, told)
    agent = asked.get("agent") or next(iter(agents), "")
    values = await compare_read.values(client, agent, by, told)
    names = _names(by, asked, values)
    return render(
        request,
        "compare.html",
        agent=agent,
        agents=agents,
        values=values,
        by=by,
        names=names,
        dimensions=[
            (f"{name}s", url("/compare", {**told.parameters, "agent": agent, "by": name}), name == by)
            for name in DIMENSIONS
        ],
        period=told,
        periods=choices("/compare", {"agent": agent, "by": by if by != "version" else ""}, told),
        told=told.parameters,
        **await _compared(client, agent, by, names, told),
    )


def _names(by: str, asked: Mapping[str, str], values: list[str]) -> tuple[str, str]:
    if by == "period":
        return "before", "now"
    first, second = compare_read.suggested(values)
    return asked.get("a") or first, asked.get("b") or second


async def _compared(
    client: AsyncQueryClient, agent: str, by: str, names: tuple[str, str], told: Period
) -> dict[str, Any]:
    """Return what there is to show of both sides; `sides` is empty where there are no two."""
    if not agent or not all(names):
        return {"sides": ()}
    first, second = await asyncio.gather(
        read_side(client, names[0], told.before if by == "period" else told, _scope(agent, by, names[0])),
        read_side(client, names[1], told, _scope(agent, by, names[1])),
    )
    return {"sides": (first, second), **_shown(first, second)}


def _scope(agent: str, by: str, name: str) -> RunFilters:
    scope: RunFilters = {"agent_id": agent}
    if by == "version":
        scope["agent_version"] = name
    elif by == "environment":
        scope["environment"] = name
    return scope


def _shown(first: Side, second: Side) -> dict[str, Any]:
    a, b = first.stats.totals, second.stats.totals
    failed = compare_view.rate_row("Failure rate", comparison.failed(a), comparison.failed(b))
    return {
        "failed": failed,
        "needed": comparison.runs_needed(failed.first, failed.second),
        "failure_rates": compare_view.rates("Failure rate", first, second, comparison.failed),
        "success_rates": compare_view.rates("Success rate", first, second, comparison.succeeded),
        "durations": compare_view.durations(a, b),
        "spread": compare_view.spread(first, second),
        "per_run": compare_view.per_run(a, b),
        "step_mix": compare_view.step_mix(first, second),
        "tools": compare_view.tools(first, second),
        "failures": compare_view.failures(first, second),
    }
