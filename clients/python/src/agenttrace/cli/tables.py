"""Draws listings of runs and failures, and statistics, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agenttrace.cli import styles
from agenttrace.cli.bars import sparkline
from agenttrace.cli.columns import WHOLE_IDS, WIDE, Column, table
from agenttrace.cli.over_time import values
from agenttrace.showing import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.table import Table

    from agenttrace.cli.over_time import Series
    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.query_service_pb2 import FailureStats, StatsGroup, StepTypeStats
    from agenttrace.v1.run_pb2 import RunSummary


def runs(summaries: Iterable[RunSummary], width: int) -> Table:
    """Return a listing of runs."""
    wide, whole_ids = width >= WIDE, width >= WHOLE_IDS
    columns = [
        Column("RUN", 36 if whole_ids else wording.SHORT_ID),
        Column("STATUS"),
        Column("AGENT"),
        *([Column("VERSION")] if wide else []),
        Column("START UTC", 11),
        Column("TOOK", right=True),
        Column("STEPS", right=True),
        Column("RETRIES" if wide else "↻", right=True),
        Column("FAILURES"),
    ]
    return table(columns, [_run_row(summary, wide=wide, whole_ids=whole_ids) for summary in summaries], width)


def failures(details: Iterable[FailureDetail], width: int) -> Table:
    """Return a listing of failures."""
    wide, whole_ids = width >= WIDE, width >= WHOLE_IDS
    columns = [
        Column("RUN", 36 if whole_ids else wording.SHORT_ID),
        Column("TIME UTC", 11),
        Column("CODE"),
        *([Column("TYPE")] if wide else []),
        Column("STEP"),
        Column("AGENT"),
        *([Column("EXCEPTION")] if wide else []),
        Column("RECOVERED" if wide else "OK"),
    ]
    return table(columns, [_failure_row(detail, wide=wide, whole_ids=whole_ids) for detail in details], width)


def groups(rows: Sequence[StatsGroup], head: str, series: Mapping[tuple[str, str], Series], width: int) -> Table:
    """Return statistics with one row for each group."""
    wide = width >= WIDE
    columns = [
        Column(head.upper()),
        Column("RUNS", right=True),
        *([Column("PARTIAL", right=True)] if wide else []),
        Column("FAILED", right=True),
        Column("OVER TIME"),
        Column("P50", right=True),
        Column("P95", right=True),
        *([Column("STEPS", right=True), Column("RETRIES", right=True)] if wide else []),
        Column("COST", right=True),
    ]
    rates = {key: values(found, _failure_rate) for key, found in series.items()}
    highest = max((rate for found in rates.values() for rate in found if rate), default=None)
    drawn = {key: sparkline(found, highest) for key, found in rates.items()}
    cells = [_group_row(row, drawn.get((row.key, row.agent_version), ""), wide=wide) for row in rows]
    return table(columns, cells, width)


def step_types(rows: Iterable[StepTypeStats], width: int) -> Table:
    """Return the steps by type."""
    columns = [Column("STEPS"), *(Column(head, right=True) for head in ("COUNT", "FAILED", "RETRIES", "P50", "P95"))]
    return table(columns, [_step_type_row(row) for row in rows], width)


def failure_stats(rows: Iterable[FailureStats], width: int) -> Table:
    """Return the failures by type, code, agent and version."""
    numbers = (Column(head, right=True) for head in ("COUNT", "RECOVERED", "RUNS"))
    columns = [Column("FAILURE"), Column("TYPE"), Column("AGENT"), *numbers]
    return table(columns, [_failure_stats_row(row) for row in rows], width)


def _run_row(summary: RunSummary, *, wide: bool, whole_ids: bool) -> list[str | Text]:
    run = summary.run
    return [
        run.run_id if whole_ids else wording.short_id(run.run_id),
        styles.status(run.status),
        run.agent_id or Text("(not told)", "dim"),
        *([run.agent_version] if wide else []),
        wording.clock(run.start_time, "%m-%d %H:%M"),
        wording.length(wording.took_seconds(summary)),
        f"{summary.step_count:,}",
        Text(f"{summary.retry_count:,}" if summary.retry_count else "", "yellow"),
        Text(", ".join(summary.failure_codes), "red" if styles.is_bad(run.status) else "dim red"),
    ]


def _failure_row(detail: FailureDetail, *, wide: bool, whole_ids: bool) -> list[str | Text]:
    failure = detail.failure
    return [
        failure.run_id if whole_ids else wording.short_id(failure.run_id),
        wording.clock(failure.occur_time, "%m-%d %H:%M"),
        Text(failure.code, "dim red" if detail.recovered else "red"),
        *([wording.failure_type_word(failure.type)] if wide else []),
        detail.step_name or Text("(the run)", "dim"),
        f"{detail.agent_id} {detail.agent_version}".rstrip() if whole_ids else detail.agent_id,
        *([Text(failure.exception_type.rpartition(".")[2], "dim")] if wide else []),
        Text("recovered" if wide else "✓", "green") if detail.recovered else "",
    ]


def _group_row(row: StatsGroup, drawn: str, *, wide: bool) -> list[str | Text]:
    stats = row.stats
    return [
        f"{row.key or '(not told)'} {row.agent_version}".rstrip(),
        f"{stats.run_count:,}",
        *([f"{stats.partial_count:,}"] if wide else []),
        Text(wording.share(_failure_rate(stats)), "red" if stats.failure_rate else "default"),
        Text(drawn, "red"),
        wording.percentile(stats.run_duration, "p50"),
        wording.percentile(stats.run_duration, "p95"),
        *([f"{stats.step_count:,}", f"{stats.retry_count:,}"] if wide else []),
        wording.dollars(stats.cost_micro_usd) if stats.cost_micro_usd else "",
    ]


def _step_type_row(row: StepTypeStats) -> list[str | Text]:
    kind = wording.step_type_word(row.type)
    return [
        Text(kind.upper(), styles.TYPE_STYLES.get(kind, "")),
        f"{row.step_count:,}",
        Text(f"{row.failed_step_count:,}", "red" if row.failed_step_count else "dim"),
        Text(f"{row.retry_count:,}", "yellow" if row.retry_count else "dim"),
        wording.percentile(row.duration, "p50"),
        wording.percentile(row.duration, "p95"),
    ]


def _failure_stats_row(row: FailureStats) -> list[str | Text]:
    return [
        Text(row.code, "red"),
        wording.failure_type_word(row.type),
        f"{row.agent_id} {row.agent_version}".rstrip(),
        f"{row.failure_count:,}",
        Text(f"{row.recovered_failure_count:,}", "green" if row.recovered_failure_count else "dim"),
        f"{row.run_count:,}",
    ]


def _failure_rate(stats: object) -> float | None:
    return wording.rate(stats, "failure_rate")
