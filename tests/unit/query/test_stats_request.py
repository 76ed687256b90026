"""What statistics may be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace_server.errors import InvalidRequest
from agenttrace_server.query import convert_stats
from agenttrace_server.stats_records import StatsQuery

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(time: datetime) -> Timestamp:
    return Timestamp(seconds=int(time.timestamp()))


def asked(
    begin: datetime | None = None, end: datetime | None = None, bucket: int | None = None, **fields: Any
) -> StatsQuery:
    span = pb.TimeRange(start_time=at(begin) if begin else None, end_time=at(end) if end else None)
    group_by = fields.pop("group_by", 0)
    request = pb.GetStatsRequest(filter=pb.RunFilter(start_time_range=span, **fields), group_by=group_by)
    if bucket is not None:
        request.bucket_duration.CopyFrom(Duration(seconds=bucket))
    return convert_stats.get_stats(request, NOW)


def refused(*args: Any, **fields: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        asked(*args, **fields)
    return [violation.field for violation in caught.value.violations]


def span_of(query: StatsQuery) -> tuple[datetime | None, datetime | None]:
    return query.run_filter.start_time_from, query.run_filter.start_time_before


def test_without_a_range_the_last_day_is_meant() -> None:
    assert span_of(asked()) == (NOW - timedelta(days=1), NOW)


def test_without_a_lower_bound_the_day_before_the_upper_one_is_meant() -> None:
    end = NOW - timedelta(days=30)

    assert span_of(asked(end=end)) == (end - timedelta(days=1), end)


def test_without_an_upper_bound_now_is_meant() -> None:
    assert span_of(asked(begin=NOW - timedelta(hours=1))) == (NOW - timedelta(hours=1), NOW)
    assert refused(begin=NOW) == ["filter.start_time_range.start_time"]


def test_an_upper_bound_on_the_first_day_there_is_is_refused() -> None:
    assert refused(end=datetime(1, 1, 1, 1, tzinfo=UTC)) == ["filter.start_time_range.end_time"]


def test_long_ranges_are_for_what_the_rollups_have() -> None:
    year_ago = NOW - timedelta(days=365)

    asked(year_ago, agent_ids=["a"], agent_versions=["1"], environments=["production"])

    assert refused(year_ago, session_id="s") == ["filter.start_time_range"]
    assert refused(year_ago, has_retries=False) == ["filter.start_time_range"]
    asked(NOW - timedelta(days=7), session_id="s")


def test_long_ranges_are_grouped_by_what_the_rollups_have() -> None:
    month_ago = NOW - timedelta(days=30)

    asked(month_ago, group_by=pb.STATS_DIMENSION_AGENT_VERSION, bucket=2 * 3600)

    assert refused(month_ago, group_by=pb.STATS_DIMENSION_MODEL) == ["group_by"]
    assert refused(month_ago, group_by=pb.STATS_DIMENSION_STEP_TYPE) == ["group_by"]
    assert refused(month_ago, bucket=5400) == ["bucket_duration"]


@pytest.mark.parametrize("bucket", [0, 59, 86401, -60])
def test_buckets_are_a_minute_to_the_range(bucket: int) -> None:
    assert refused(bucket=bucket) == ["bucket_duration"]


def test_there_are_at_most_1000_buckets() -> None:
    begin = NOW - timedelta(minutes=1000)

    assert asked(begin, bucket=60).bucket == timedelta(minutes=1)
    assert refused(begin - timedelta(seconds=1), bucket=60) == ["bucket_duration"]


def test_dimensions_are_named_and_unknown_ones_refused() -> None:
    assert asked(group_by=pb.STATS_DIMENSION_MODEL).dimension == "MODEL"
    assert asked().dimension is None
    assert refused(group_by=99) == ["group_by"]
