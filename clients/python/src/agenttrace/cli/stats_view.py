"""Draws statistics: the totals in words, how they went over time, then tables."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from agenttrace.cli import tables
from agenttrace.cli.bars import sparkline
from agenttrace.cli.over_time import values
from agenttrace.showing import wording

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.table import Table

    from agenttrace.cli.over_time import OverTime
    from agenttrace.v1.query_service_pb2 import GetStatsResponse, Stats

_MOST_FAILURES = 15
_LABEL = 8


def show(console: Console, answer: GetStatsResponse, history: OverTime, grouped_by: str) -> None:
    """Print the statistics."""
    for line in (*_totals(answer), Text()):
        console.print(line)
    for line in _history(history, console.width):
        console.print(line, no_wrap=True, overflow="ellipsis")
    if answer.groups:
        _section(console, tables.groups(answer.groups, grouped_by, history.groups, console.width))
    if answer.step_types:
        _section(console, tables.step_types(answer.step_types, console.width))
    if answer.failures:
        _section(console, tables.failure_stats(islice(answer.failures, _MOST_FAILURES), console.width))
        more = len(answer.failures) - _MOST_FAILURES
        if more > 0:
            console.print(f"… and {more:,} more; --json has all", style="dim")


def _section(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _totals(answer: GetStatsResponse) -> Iterator[Text]:
    stats = answer.totals
    span = answer.start_time_range
    about = " (percentiles within 5 %)" if answer.approximate else ""
    yield Text(f"{_time(span, 'start_time')} to {_time(span, 'end_time')} UTC{about}", "dim")
    line = Text(wording.counted(stats.run_count, "run"), "bold")
    line.append(" · ", "not bold")
    rate = wording.rate(stats, "failure_rate")
    line.append(f"{wording.share(rate)} failed", "bold red" if rate else "not bold green")
    line.append(f" · {', '.join(_statuses(stats)) or 'none ended'}", "not bold")
    yield line
    durations = ", ".join(
        f"{name} {wording.percentile(stats.run_duration, name)}" for name in ("p50", "p90", "p95", "p99")
    )
    yield Text(f"a run took {durations}")
    recovered = wording.counted(stats.recovered_failure_count, "failure")
    steps = wording.counted(stats.step_count, "step")
    retries = wording.counted(stats.retry_count, "retry", "retries")
    yield Text(f"{steps}, {stats.failed_step_count:,} failed · {retries}, {recovered} recovered")
    tokens = f"{stats.input_tokens:,} tokens in, {stats.output_tokens:,} out"
    yield Text(f"{tokens} · {wording.dollars(stats.cost_micro_usd)}")


def _history(history: OverTime, width: int) -> Iterator[Text]:
    """Yield one line for each measure: its bars, and what the highest stands for."""
    measures: list[tuple[str, str, Callable[[Stats], float | None], Callable[[float], str]]] = [
        ("runs", "cyan", lambda stats: stats.run_count, lambda value: f"{value:,.0f}"),
        ("failed", "red", lambda stats: wording.rate(stats, "failure_rate"), wording.share),
        ("p95", "yellow", lambda stats: wording.percentile_seconds(stats.run_duration, "p95"), wording.length),
        ("cost", "green", lambda stats: stats.cost_micro_usd, wording.dollars),
    ]
    series = history.whole[-max(8, width - _LABEL - 24) :]
    for name, style, value, spelt in measures:
        found = values(series, value)
        highest = max((number for number in found if number is not None), default=None)
        if highest is None:
            continue
        line = Text(name.ljust(_LABEL), "dim")
        line.append(sparkline(found), f"not dim {style}")
        line.append(f"  up to {spelt(highest)}", "not dim")
        yield line
    yield Text(" " * _LABEL + f"one bar is {_in_largest_unit(history.width)}; · no runs", "dim")


def _in_largest_unit(width: dt.timedelta) -> str:
    of_seconds = width.total_seconds()
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if of_seconds >= size and of_seconds % size == 0:
            return wording.counted(int(of_seconds // size), name)
    return wording.length(of_seconds)


def _statuses(stats: Stats) -> Iterator[str]:
    for name in ("success", "partial", "failure", "abandoned", "cancelled", "running"):
        number = getattr(stats, f"{name}_count")
        if number:
            yield f"{number:,} {name}"


def _time(span: object, name: str) -> str:
    return wording.clock(getattr(span, name), "%Y-%m-%d %H:%M")
