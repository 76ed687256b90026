"""What statistics are asked for, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import NamedTuple

from agenttrace_server import limits
from agenttrace_server.read_records import RunFilter

_TABLE_RANGE = timedelta(days=limits.STATS_TABLE_DAYS)
# What the rollups have.
_ROLLUP_FIELDS = frozenset({"agent_ids", "agent_versions", "environments", "start_time_from", "start_time_before"})
_ROLLUP_DIMENSIONS = frozenset({None, "AGENT", "AGENT_VERSION", "ENVIRONMENT"})
_ROLLUP_PERIOD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StatsQuery:
    """Which runs, and what to group by. The filter has both ends of its time range.

    `dimension`: AGENT, AGENT_VERSION, ENVIRONMENT, STEP_TYPE, MODEL or TOOL.
    """

    run_filter: RunFilter
    dimension: str | None = None
    bucket: timedelta | None = None

    @property
    def is_long(self) -> bool:
        """Whether the time range is longer than the tables are read for."""
        start, end = self.run_filter.start_time_from, self.run_filter.start_time_before
        return start is not None and end is not None and end - start > _TABLE_RANGE

    @property
    def filter_fits_rollups(self) -> bool:
        """Whether the rollups have everything that it filters by."""
        empty = RunFilter()
        names = {f.name for f in fields(empty) if getattr(self.run_filter, f.name) != getattr(empty, f.name)}
        return names <= _ROLLUP_FIELDS

    @property
    def dimension_fits_rollups(self) -> bool:
        """Whether the rollups have what it groups by."""
        return self.dimension in _ROLLUP_DIMENSIONS

    @property
    def bucket_fits_rollups(self) -> bool:
        """Whether its time buckets are whole hours, or it has none."""
        return self.bucket is None or self.bucket % _ROLLUP_PERIOD == timedelta(0)

    @property
    def fits_rollups(self) -> bool:
        """Whether the rollups have everything that is asked for."""
        return self.filter_fits_rollups and self.dimension_fits_rollups and self.bucket_fits_rollups

    @property
    def bucket_count(self) -> int:
        """How many buckets the time range touches at most."""
        start, end = self.run_filter.start_time_from, self.run_filter.start_time_before
        if self.bucket is None or start is None or end is None:
            return 1
        return -(-(end - start) // self.bucket) + 1


class GroupKey(NamedTuple):
    """What a group has in common; nothing for the totals."""

    key: str | None = None
    agent_version: str | None = None
    bucket_start_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """The runs of one group. `run_durations`: p50, p90, p95 and p99."""

    key: str | None = None
    agent_version: str | None = None
    bucket_start_time: datetime | None = None
    run_count: int = 0
    running_count: int = 0
    success_count: int = 0
    failure_count: int = 0
    partial_count: int = 0
    cancelled_count: int = 0
    abandoned_count: int = 0
    run_duration_count: int = 0
    run_durations: Sequence[timedelta] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCounts:
    """The steps of one group. `step_durations`: p50, p90, p95 and p99."""

    key: str | None = None
    agent_version: str | None = None
    bucket_start_time: datetime | None = None
    step_count: int = 0
    failed_step_count: int = 0
    retry_count: int = 0
    step_durations: Sequence[timedelta] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredCount:
    """The recovered failures of one group."""

    key: str | None = None
    agent_version: str | None = None
    bucket_start_time: datetime | None = None
    recovered_failure_count: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """All that is counted of one group, or of all runs."""

    key: GroupKey = field(default_factory=GroupKey)
    runs: RunCounts = field(default_factory=RunCounts)
    steps: StepCounts = field(default_factory=StepCounts)
    recovered_failure_count: int = 0


@dataclass(frozen=True, slots=True)
class FailureCounts:
    """The failures of one type and code in one version of an agent."""

    type: str
    code: str
    agent_id: str
    agent_version: str
    failure_count: int
    recovered_failure_count: int
    run_count: int
    first_occur_time: datetime
    last_occur_time: datetime


@dataclass(frozen=True, slots=True)
class StatsReport:
    """The answer. `approximate`: counts or percentiles come from rollups."""

    totals: Group
    groups: Sequence[Group]
    step_types: Sequence[StepCounts]
    failures: Sequence[FailureCounts]
    approximate: bool = False
