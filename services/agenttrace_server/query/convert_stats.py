"""Converts what statistics are asked for, and the statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from agenttrace.v1 import query_service_pb2
from agenttrace_server import limits
from agenttrace_server.query import convert_filters
from agenttrace_server.query.convert_fields import Enum, duration_from_message, duration_to_message, time_to_message
from agenttrace_server.query.violations import Violations
from agenttrace_server.read_records import RunFilter
from agenttrace_server.stats_records import (
    FailureCounts,
    Group,
    RunCounts,
    StatsQuery,
    StatsReport,
    StepCounts,
)

_DIMENSION = Enum(query_service_pb2.StatsDimension, "STATS_DIMENSION_")
_DEFAULT_RANGE = timedelta(hours=24)
_SHORTEST_BUCKET = timedelta(minutes=1)


def get_stats(request: query_service_pb2.GetStatsRequest, now: datetime) -> StatsQuery:
    """Return what is asked for, with both ends of the time range."""
    violations = Violations()
    run_filter = _with_range(convert_filters.run_filter(request.filter, violations), now, violations)
    query = StatsQuery(
        run_filter, _DIMENSION.one("group_by", request.group_by, violations), _bucket(request, violations)
    )
    violations.check()
    _check_range(query, violations)
    violations.check()
    return query


def _with_range(run_filter: RunFilter, now: datetime, violations: Violations) -> RunFilter:
    end = run_filter.start_time_before or now
    try:
        start = run_filter.start_time_from or end - _DEFAULT_RANGE
    except OverflowError:
        violations.add("filter.start_time_range.end_time", "must be later")
        return run_filter
    if start >= end:
        violations.add("filter.start_time_range.start_time", "must be before now, where there is no end_time")
    return dataclasses.replace(run_filter, start_time_from=start, start_time_before=end)


def _bucket(request: query_service_pb2.GetStatsRequest, violations: Violations) -> timedelta | None:
    if not request.HasField("bucket_duration"):
        return None
    return duration_from_message("bucket_duration", request.bucket_duration, violations, up=True)


def _check_range(query: StatsQuery, violations: Violations) -> None:
    start, end = query.run_filter.start_time_from, query.run_filter.start_time_before
    assert start is not None
    assert end is not None
    if query.bucket is not None and not _SHORTEST_BUCKET <= query.bucket <= end - start:
        violations.add("bucket_duration", "must be at least 1 minute and at most the time range")
    elif query.bucket is not None and (end - start) / query.bucket > limits.STATS_BUCKETS:
        violations.add("bucket_duration", f"must be longer: at most {limits.STATS_BUCKETS} buckets in the time range")
    if query.is_long:
        _check_long_range(query, violations)


def _check_long_range(query: StatsQuery, violations: Violations) -> None:
    """Long ranges are answered from the rollups alone."""
    longest = f"{limits.STATS_TABLE_DAYS} days"
    if not query.filter_fits_rollups:
        others = (
            "must be at most {} unless agent_ids, agent_versions and environments are the filter's only other fields"
        )
        violations.add("filter.start_time_range", others.format(longest))
    if not query.dimension_fits_rollups:
        violations.add("group_by", f"must be AGENT, AGENT_VERSION or ENVIRONMENT in a time range of over {longest}")
    if not query.bucket_fits_rollups:
        violations.add("bucket_duration", f"must be whole hours in a time range of over {longest}")


def get_stats_response(query: StatsQuery, report: StatsReport) -> query_service_pb2.GetStatsResponse:
    """Return the statistics."""
    return query_service_pb2.GetStatsResponse(
        totals=_stats(report.totals),
        groups=map(_group, report.groups),
        step_types=map(_step_type, report.step_types),
        failures=map(_failure, report.failures),
        approximate=report.approximate,
        start_time_range=query_service_pb2.TimeRange(
            start_time=time_to_message(query.run_filter.start_time_from),
            end_time=time_to_message(query.run_filter.start_time_before),
        ),
    )


def _group(group: Group) -> query_service_pb2.StatsGroup:
    return query_service_pb2.StatsGroup(
        key=group.key.key or "",
        agent_version=group.key.agent_version or "",
        bucket_start_time=time_to_message(group.key.bucket_start_time),
        stats=_stats(group),
    )


def _stats(group: Group) -> query_service_pb2.Stats:
    runs, steps = group.runs, group.steps
    return query_service_pb2.Stats(
        run_count=runs.run_count,
        running_count=runs.running_count,
        success_count=runs.success_count,
        failure_count=runs.failure_count,
        partial_count=runs.partial_count,
        cancelled_count=runs.cancelled_count,
        abandoned_count=runs.abandoned_count,
        success_rate=_rate(runs.success_count, runs),
        failure_rate=_rate(runs.failure_count + runs.abandoned_count, runs),
        run_duration=_percentiles(runs.run_duration_count, runs.run_durations),
        step_count=steps.step_count,
        failed_step_count=steps.failed_step_count,
        retry_count=steps.retry_count,
        recovered_failure_count=group.recovered_failure_count,
        step_duration=_percentiles(steps.step_count, steps.step_durations),
        input_tokens=steps.input_tokens,
        output_tokens=steps.output_tokens,
        cache_read_tokens=steps.cache_read_tokens,
        cache_write_tokens=steps.cache_write_tokens,
        reasoning_tokens=steps.reasoning_tokens,
        cost_micro_usd=steps.cost_micro_usd,
    )


def _rate(count: int, runs: RunCounts) -> float | None:
    """A share of the runs that ended or were abandoned; cancelled ones say nothing. None where there are none."""
    ended = runs.success_count + runs.partial_count + runs.failure_count + runs.abandoned_count
    return count / ended if ended else None


def _percentiles(count: int, durations: Sequence[timedelta] | None) -> query_service_pb2.Percentiles:
    p50, p90, p95, p99 = map(duration_to_message, durations or (None,) * 4)
    return query_service_pb2.Percentiles(count=count, p50=p50, p90=p90, p95=p95, p99=p99)


def _step_type(counts: StepCounts) -> query_service_pb2.StepTypeStats:
    return query_service_pb2.StepTypeStats(
        type=convert_filters.STEP_TYPE.number(counts.key),
        step_count=counts.step_count,
        failed_step_count=counts.failed_step_count,
        retry_count=counts.retry_count,
        duration=_percentiles(counts.step_count, counts.step_durations),
    )


def _failure(counts: FailureCounts) -> query_service_pb2.FailureStats:
    return query_service_pb2.FailureStats(
        type=convert_filters.FAILURE_TYPE.number(counts.type),
        code=counts.code,
        agent_id=counts.agent_id,
        agent_version=counts.agent_version,
        failure_count=counts.failure_count,
        recovered_failure_count=counts.recovered_failure_count,
        run_count=counts.run_count,
        first_occur_time=time_to_message(counts.first_occur_time),
        last_occur_time=time_to_message(counts.last_occur_time),
    )
