"""Statistics over time: which buckets to ask for, and their values in order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agenttrace.client import QueryClient
    from agenttrace.filters import RunFilters
    from agenttrace.v1.query_service_pb2 import GetStatsResponse, Stats, StatsGroup

Series = list["Stats | None"]
"""The statistics of each bucket, None where there were no runs."""

_MINUTE, _HOUR, _DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
_WIDTHS = (
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 4, 6, 8, 12)),
    *(_DAY * count for count in (1, 2, 7, 14, 28)),
)
_MOST_BARS = 48
_MOST_GROUP_BARS = 16


@dataclass(frozen=True, slots=True)
class OverTime:
    """How it went: of all runs, and of each group by its key and version.

    Attributes:
        width: The width of a bucket of `whole`.
        whole: The buckets of all runs.
        groups: The buckets of each group, of another width.
    """

    width: dt.timedelta
    whole: Series
    groups: dict[tuple[str, str], Series] = field(default_factory=dict)


def over_time(
    client: QueryClient, answer: GetStatsResponse, group_by: str, bucket: dt.timedelta | None, filters: RunFilters
) -> OverTime:
    """Return how what `answer` sums up went over its time range."""
    start, end = (_time(getattr(answer.start_time_range, name)) for name in ("start_time", "end_time"))
    within: RunFilters = {**filters, "since": start, "until": end}
    width = bucket or fitting(end - start, _MOST_BARS)
    whole = _series(client.stats(bucket=width, **within).groups, start, end, width)
    if not group_by:
        return OverTime(width, whole[("", "")])
    width_of_groups = bucket or fitting(end - start, _MOST_GROUP_BARS)
    groups = client.stats(group_by=group_by, bucket=width_of_groups, **within).groups
    return OverTime(width, whole[("", "")], _series(groups, start, end, width_of_groups))


def fitting(length: dt.timedelta, most_bars: int) -> dt.timedelta:
    """Return the narrowest usual width of which so many make up a length of time."""
    return next((width for width in _WIDTHS if width * most_bars >= length), max(_WIDTHS[-1], length / most_bars))


def values(series: Series, value: Callable[[Stats], float | None]) -> list[float | None]:
    """Return one value of each bucket; None where there is none."""
    return [None if stats is None else value(stats) for stats in series]


def _series(
    groups: Iterable[StatsGroup], start: dt.datetime, end: dt.datetime, width: dt.timedelta
) -> dict[tuple[str, str], Series]:
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    first = (start - epoch) // width
    count = max(1, -((epoch - end) // width) - first)
    found: dict[tuple[str, str], Series] = defaultdict(lambda: [None] * count)
    for group in groups:
        place = (_time(group.bucket_start_time) - epoch) // width - first
        if 0 <= place < count:
            found[group.key, group.agent_version][place] = group.stats
    return found


def _time(timestamp: object) -> dt.datetime:
    time: dt.datetime = timestamp.ToDatetime(dt.UTC)  # type: ignore[attr-defined]
    return time
