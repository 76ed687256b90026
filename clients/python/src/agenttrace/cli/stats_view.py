"""Draws statistics: the totals in words, then tables."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from agenttrace.cli import tables, wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from agenttrace.v1.query_service_pb2 import GetStatsResponse, Stats

_MOST_FAILURES = 15


def show(console: Console, answer: GetStatsResponse, grouped_by: str) -> None:
    """Print the statistics."""
    for line in _totals(answer):
        console.print(line)
    if answer.groups:
        _section(console, tables.groups(answer.groups, grouped_by))
    if answer.step_types:
        _section(console, tables.step_types(answer.step_types))
    if answer.failures:
        _section(console, tables.failure_stats(islice(answer.failures, _MOST_FAILURES)))
        more = len(answer.failures) - _MOST_FAILURES
        if more > 0:
            console.print(f"… and {more:,} more", style="dim")


def _section(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _totals(answer: GetStatsResponse) -> Iterator[Text]:
    stats = answer.totals
    span = answer.start_time_range
    about = " (percentiles within 5 %)" if answer.approximate else ""
    yield Text(f"{_time(span, 'start_time')} to {_time(span, 'end_time')} UTC{about}", "dim")
    failed = wording.share(stats.failure_rate if stats.HasField("failure_rate") else None)
    line = Text(wording.count(stats.run_count, "run"), "bold")
    line.append(f" · {failed} failed", "not bold red" if stats.failure_count else "not bold")
    line.append(f" · {', '.join(_statuses(stats)) or 'none ended'}", "not bold")
    yield line
    durations = ", ".join(
        f"{name} {wording.percentile(stats.run_duration, name)}" for name in ("p50", "p90", "p95", "p99")
    )
    yield Text(f"a run took {durations}")
    recovered = wording.count(stats.recovered_failure_count, "failure")
    steps = wording.count(stats.step_count, "step")
    yield Text(f"{steps}, {stats.failed_step_count:,} failed · {stats.retry_count:,} retries, {recovered} recovered")
    yield Text(
        f"{stats.input_tokens:,} tokens in, {stats.output_tokens:,} out · {wording.dollars(stats.cost_micro_usd)}"
    )


def _statuses(stats: Stats) -> Iterator[str]:
    for name in ("success", "partial", "failure", "abandoned", "cancelled", "running"):
        number = getattr(stats, f"{name}_count")
        if number:
            yield f"{number:,} {name}"


def _time(span: object, name: str) -> str:
    return wording.clock(getattr(span, name), "%Y-%m-%d %H:%M")
