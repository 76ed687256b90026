"""The drawings of the dashboard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from markupsafe import Markup

from agenttrace.showing.wording import counted, rate, share
from agenttrace.v1.query_service_pb2 import Stats
from agenttrace_server.console import charts
from agenttrace_server.console.overview import Overview
from agenttrace_server.console.pages import url
from agenttrace_server.console.periods import Period, fixed

_OUTCOMES = ("success", "partial", "failure", "abandoned", "cancelled", "running")
_ALWAYS = {"success", "failure"}
_SHOWN_AGENTS = 8
_DAY = dt.timedelta(days=1)


def drawn(overview: Overview, told: Period, scope: Mapping[str, str]) -> dict[str, Markup]:
    """Return the drawings by name: outcomes, failure_rate, agents, types."""
    starts = told.buckets(overview.width)
    found = overview.buckets()
    stats = [found.get(int(start.timestamp())) for start in starts]
    form = "%m-%d" if overview.width >= _DAY else "%H:%M" if told.length <= _DAY else "%m-%d %H:%M"
    labels = [start.strftime(form) for start in starts]
    links = [url("/runs", scope, fixed(start, start + overview.width)) for start in starts]
    where = {**scope, **told.parameters}
    return {
        "outcomes": charts.stacked_bars("Runs by outcome", labels, _outcomes(stats), links=links),
        "failure_rate": charts.line_chart("Failure rate", labels, [_failure_rate(stats)], spell=_percent, links=links),
        "agents": charts.horizontal_bars(
            "Failure rate by agent", _agent_bars(overview, where), spell=share, heads=("Agent", "Failure rate")
        ),
        "types": charts.horizontal_bars("Failures by type", _type_bars(overview, where), heads=("Type", "Failures")),
    }


def _outcomes(stats: list[Stats | None]) -> list[charts.Series]:
    """A series for each outcome there was; those of success and failure always."""
    every = [
        charts.Series(name, f"s-{name}", [getattr(one, f"{name}_count") if one else 0 for one in stats])
        for name in _OUTCOMES
    ]
    return [series for series in every if series.name in _ALWAYS or any(series.values)]


def _failure_rate(stats: list[Stats | None]) -> charts.Series:
    return charts.Series("failure rate", "s-failure", [rate(one, "failure_rate") if one else None for one in stats])


def _agent_bars(overview: Overview, where: Mapping[str, str]) -> list[charts.Bar]:
    """A bar for each of the agents with the most runs, the one that fails most often first."""
    bars = []
    for group in overview.agents()[:_SHOWN_AGENTS]:
        stats = group.stats
        failed = stats.failure_count + stats.abandoned_count
        link = url("/runs", {**where, "agent": group.key}, {"status": ["failure", "abandoned"]}) if group.key else ""
        note = f"{failed:,} of {counted(failed + stats.success_count + stats.partial_count, 'run')}"
        bars.append(charts.Bar(group.key or "not told", rate(stats, "failure_rate") or 0.0, "s-failure", note, link))
    return sorted(bars, key=lambda bar: bar.value, reverse=True)


def _type_bars(overview: Overview, where: Mapping[str, str]) -> list[charts.Bar]:
    return [
        charts.Bar(name, count, f"f-{name}", "", url("/runs", where, {"type": name}))
        for name, count in overview.failure_types().most_common()
    ]


def _percent(value: float) -> str:
    """Spell a rate on a scale."""
    return f"{value * 100:.0f} %" if value >= 0.01 or value == 0 else f"{value * 100:.1f} %"
