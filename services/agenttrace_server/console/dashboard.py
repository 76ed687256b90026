"""The dashboard: how a period went, against the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from agenttrace import AgentTraceError
from agenttrace.showing.wording import dollars, length, percentile_seconds, rate, share
from agenttrace.v1.query_service_pb2 import Stats
from agenttrace_server.console import dashboard_charts
from agenttrace_server.console.asked import scope_filters
from agenttrace_server.console.change import Change, points, relative
from agenttrace_server.console.overview import SEARCHED_RUNS, Overview, read_overview
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.periods import Period, choices, period
from agenttrace_server.console.state import reader
from agenttrace_server.console.wording import compact, number

_SHOWN_CODES = 8


class Fact(NamedTuple):
    """One figure: its name, what it is, how it changed, what stands below it, where it leads."""

    name: str
    value: str
    change: Change | None
    note: str = ""
    link: str = ""


class AgentRow(NamedTuple):
    """One agent in the table."""

    name: str
    link: str
    stats: Stats
    success: Change | None


async def dashboard(request: Request) -> Response:
    """GET /."""
    told = period(request.query_params)
    scope = {name: request.query_params[name] for name in ("agent", "environment") if request.query_params.get(name)}
    overview = await _overview(request, told, scope)
    where = {**scope, **told.parameters}
    return render(
        request,
        "dashboard.html",
        facts=_facts(overview, where),
        charts=dashboard_charts.drawn(overview, told, scope),
        agents=_agents(overview, where),
        codes=overview.failure_codes().most_common(_SHOWN_CODES),
        overview=overview,
        searched=min(SEARCHED_RUNS, overview.totals.run_count),
        scope=scope,
        where=where,
        period=told,
        periods=choices("/", scope, told),
        longer=url("/", scope, {"since": "30d"}),
    )


async def _overview(request: Request, told: Period, scope: Mapping[str, str]) -> Overview:
    try:
        return await read_overview(reader(request), told, scope_filters(scope))
    except* AgentTraceError as errors:
        # One says it: they are of one service, and asked at the same time.
        first = errors.exceptions[0]
    raise first


def failed_count(stats: Stats) -> int:
    """Return how many runs failed, by the one definition of a failure rate."""
    return stats.failure_count + stats.abandoned_count


def _facts(overview: Overview, where: Mapping[str, str]) -> list[Fact]:
    now, before = overview.totals, overview.before.totals
    p50, p95 = (percentile_seconds(now.run_duration, name) for name in ("p50", "p95"))
    success, was = rate(now, "success_rate"), rate(before, "success_rate")
    tokens, tokens_before = (stats.input_tokens + stats.output_tokens for stats in (now, before))
    failed = url("/runs", where, {"status": ["failure", "abandoned"]})
    return [
        Fact("Runs", number(now.run_count), relative(now.run_count, before.run_count), _running(now),
             url("/runs", where)),
        Fact("Success rate", share(success), points(success, was, good="up"), ""),
        Fact("Failed runs", number(failed_count(now)), relative(failed_count(now), failed_count(before), good="down"),
             f"{now.abandoned_count:,} of them abandoned" if now.abandoned_count else "", failed),
        Fact("Median duration", length(p50), _duration_change(overview, "p50")),
        Fact("95th percentile", length(p95), _duration_change(overview, "p95")),
        Fact("Tokens", compact(tokens), relative(tokens, tokens_before),
             f"{compact(now.input_tokens)} in, {compact(now.output_tokens)} out"),
        Fact("Cost", dollars(now.cost_micro_usd), relative(now.cost_micro_usd, before.cost_micro_usd, good="down"),
             f"{dollars(now.cost_micro_usd / now.run_count)} a run" if now.run_count else ""),
    ]  # fmt: skip


def _duration_change(overview: Overview, name: str) -> Change | None:
    now, before = (percentile_seconds(stats.run_duration, name) for stats in (overview.totals, overview.before.totals))
    return relative(now, before, good="down")


def _running(stats: Stats) -> str:
    return f"{stats.running_count:,} still running" if stats.running_count else ""


def _agents(overview: Overview, where: Mapping[str, str]) -> list[AgentRow]:
    before = overview.agents_before()
    rows = []
    for group in overview.agents():
        was = rate(before[group.key], "success_rate") if group.key in before else None
        link = url("/", {**where, "agent": group.key}) if group.key else ""
        rows.append(AgentRow(group.key, link, group.stats, points(rate(group.stats, "success_rate"), was, good="up")))
    return rows
