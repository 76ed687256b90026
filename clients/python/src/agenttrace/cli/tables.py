"""Draws listings of runs and failures, and statistics, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from agenttrace.cli import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import JustifyMethod

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.query_service_pb2 import FailureStats, StatsGroup, StepTypeStats
    from agenttrace.v1.run_pb2 import RunSummary

# From this many columns on there is room for more than the most important.
WIDE = 110

_RUN_COLUMNS = {"RUN": 36, "STATUS": 9, "AGENT": None, "START UTC": 11, "TOOK": 8}
_MORE_RUN_COLUMNS = {"VERSION": 10, "STEPS": 5, "RETRIES": 7, "FAILURES": None}
_FAILURE_COLUMNS = {"RUN": 36, "TIME UTC": 11, "CODE": None, "STEP": None}
_MORE_FAILURE_COLUMNS = {"AGENT": None, "EXCEPTION": None, "RECOVERED": 9}
_NUMBERS = frozenset({"TOOK", "STEPS", "RETRIES"})


def listing(columns: Mapping[str, int | None], width: int) -> Table:
    """Return an empty table of so many columns; those without a width share what the others leave."""
    gap = 2 if width >= WIDE else 1
    left = width - sum(size or 0 for size in columns.values()) - gap * len(columns)
    share = max(6, left // sum(size is None for size in columns.values()))
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for head, size in columns.items():
        side: JustifyMethod = "right" if head in _NUMBERS else "left"
        made.add_column(head, width=size or share, justify=side, no_wrap=True, overflow="ellipsis")
    return made


def runs(summaries: Iterable[RunSummary], width: int) -> Table:
    """Return a listing of runs."""
    more = _MORE_RUN_COLUMNS if width >= WIDE else {}
    made = listing(_RUN_COLUMNS | more, width)
    for summary in summaries:
        run = summary.run
        status = wording.status_word(run.status)
        styled = Text(status, wording.STATUS_STYLES.get(status, ""))
        start = wording.clock(run.start_time, "%m-%d %H:%M")
        codes = ", ".join(summary.failure_codes)
        rest = (run.agent_version, str(summary.step_count), str(summary.retry_count or ""), codes)
        made.add_row(run.run_id, styled, run.agent_id, start, _took(summary), *rest[: len(more)])
    return made


def failures(details: Iterable[FailureDetail], width: int) -> Table:
    """Return a listing of failures."""
    more = _MORE_FAILURE_COLUMNS if width >= WIDE else {}
    made = listing(_FAILURE_COLUMNS | more, width)
    for detail in details:
        failure = detail.failure
        time = wording.clock(failure.occur_time, "%m-%d %H:%M")
        code = Text(failure.code, "dim red" if detail.recovered else "red")
        rest = (detail.agent_id, failure.exception_type, "yes" if detail.recovered else "")
        made.add_row(failure.run_id, time, code, detail.step_name or "(the run)", *rest[: len(more)])
    return made


def table(*heads: str, right: Iterable[str]) -> Table:
    """Return an empty table that fits its contents, with numbers to the `right`."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        side: JustifyMethod = "right" if head in right else "left"
        made.add_column(head, justify=side, no_wrap=True, overflow="ellipsis")
    return made


def groups(rows: Iterable[StatsGroup], head: str) -> Table:
    """Return statistics with one row for each group."""
    numbers = ("RUNS", "FAILED", "PARTIAL", "P50", "P95", "STEPS", "RETRIES", "COST")
    made = table(head.upper(), *numbers, right=numbers)
    for row in rows:
        stats = row.stats
        made.add_row(
            f"{row.key or '(not told)'} {row.agent_version}".rstrip(),
            f"{stats.run_count:,}",
            wording.share(stats.failure_rate if stats.HasField("failure_rate") else None),
            f"{stats.partial_count:,}",
            wording.percentile(stats.run_duration, "p50"),
            wording.percentile(stats.run_duration, "p95"),
            f"{stats.step_count:,}",
            f"{stats.retry_count:,}",
            wording.dollars(stats.cost_micro_usd) if stats.cost_micro_usd else "",
        )
    return made


def step_types(rows: Iterable[StepTypeStats]) -> Table:
    """Return the steps by type."""
    numbers = ("COUNT", "FAILED", "RETRIES", "P50", "P95")
    made = table("STEPS", *numbers, right=numbers)
    for row in rows:
        kind = wording.step_type_word(row.type)
        made.add_row(
            Text(kind, wording.TYPE_STYLES.get(kind, "")),
            f"{row.step_count:,}",
            f"{row.failed_step_count:,}",
            f"{row.retry_count:,}",
            wording.percentile(row.duration, "p50"),
            wording.percentile(row.duration, "p95"),
        )
    return made


def failure_stats(rows: Iterable[FailureStats]) -> Table:
    """Return the failures by type, code, agent and version."""
    made = table("FAILURE", "TYPE", "AGENT", "COUNT", "RECOVERED", "RUNS", right=("COUNT", "RECOVERED", "RUNS"))
    for row in rows:
        made.add_row(
            Text(row.code, "red"),
            wording.failure_type_word(row.type),
            f"{row.agent_id} {row.agent_version}".rstrip(),
            f"{row.failure_count:,}",
            f"{row.recovered_failure_count:,}",
            f"{row.run_count:,}",
        )
    return made


def _took(summary: RunSummary) -> str:
    if not summary.run.HasField("end_time"):
        return "-"
    return wording.length(wording.seconds(summary.run.end_time) - wording.seconds(summary.run.start_time))
