"""The drawings of the page of failures."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

from agenttrace.showing.wording import counted, failure_type_word, share
from agenttrace_server.console import breakdown, charts
from agenttrace_server.console.pages import url
from agenttrace_server.console.periods import Period, fixed
from agenttrace_server.console.selection import FAILURE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from agenttrace_server.console.breakdown import Count
    from agenttrace_server.console.failures_read import Failures

_MOST_BARS = 10
_DAY = dt.timedelta(days=1)


def over_time(found: Failures, told: Period, where: Mapping[str, str]) -> Markup:
    """Return the newest failures by type over time: of the whole period, or of as much of it as they reach back."""
    shown = _reached(found, told)
    starts = shown.buckets(shown.bucket)
    counts = Counter(
        (_bucket(it.failure.occur_time.seconds, shown), failure_type_word(it.failure.type)) for it in found.newest
    )
    labels = [f"{start:%m-%d}" if shown.bucket >= _DAY else f"{start:%m-%d %H:%M}" for start in starts]
    series = [
        charts.Series(word, f"f-{word}", [counts[int(start.timestamp()), word] for start in starts])
        for word in FAILURE_TYPES
        if any(kind == word for _, kind in counts)
    ]
    links = [url("/failures", {**where, **fixed(start, start + shown.bucket)}) for start in starts]
    return charts.stacked_bars("Failures over time", labels, series, links=links)


def by_type(found: Failures, where: Mapping[str, str]) -> Markup:
    """Return how many failures there were of each type."""
    bars = [
        _bar(count, f"f-{count.key[0]}", url("/failures", {**where, "type": count.key[0]}))
        for count in breakdown.by_type(found.counts)
    ]
    return charts.horizontal_bars("Failures by type", bars, heads=("Type", "Failures"))


def by_agent(found: Failures, where: Mapping[str, str]) -> Markup:
    """Return how many failures each agent had."""
    counts = breakdown.by_agent(found.counts)[:_MOST_BARS]
    bars = [_bar(count, "k-1", url("/failures", {**where, "agent": count.key[0]})) for count in counts]
    return charts.horizontal_bars("Failures by agent", bars, heads=("Agent", "Failures"))


def by_version(found: Failures, where: Mapping[str, str]) -> Markup:
    """Return how many failures each version of each agent had."""
    counts = breakdown.by_version(found.counts)[:_MOST_BARS]
    bars = [
        _bar(count, "k-1", url("/failures", {**where, "agent": count.key[0], "version": count.key[1]}))
        for count in counts
    ]
    return charts.horizontal_bars("Failures by version", bars, heads=("Agent and version", "Failures"))


def by_step(found: Failures, what: str) -> Markup:
    """Return how many steps failed of each tool or model."""
    style = f"t-{what}"
    bars = []
    for group in [it for it in found.groups if it.stats.failed_step_count][:_MOST_BARS]:
        stats = group.stats
        rate = stats.failed_step_count / stats.step_count if stats.step_count else None
        note = f"{share(rate)} of {counted(stats.step_count, 'step')}"
        bars.append(charts.Bar(group.key or "not told", stats.failed_step_count, style, note))
    return charts.horizontal_bars(f"Failed steps by {what}", bars, heads=(what.capitalize(), "Failed steps"))


def _reached(found: Failures, told: Period) -> Period:
    if not found.has_older:
        return told
    oldest = found.newest[-1].failure.occur_time.ToDatetime(dt.UTC)
    return Period(oldest, told.end, fixed(oldest, told.end))


def _bucket(second: int, told: Period) -> int:
    width = int(told.bucket.total_seconds())
    return second // width * width


def _bar(count: Count, style: str, link: str) -> charts.Bar:
    note = f"{share(count.recovered_share)} recovered" if count.recovered else ""
    return charts.Bar(" ".join(filter(None, count.key)) or "not told", count.failures, style, note, link)
