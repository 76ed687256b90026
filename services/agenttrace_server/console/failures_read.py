"""What the page of failures reads: counts of a period, its newest failures, and steps by tool or model."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agenttrace_server.console.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace import AsyncQueryClient
    from agenttrace.filters import FailureFilters, RunFilters
    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.query_service_pb2 import FailureStats, GetStatsResponse, StatsGroup
    from agenttrace_server.console.breakdown import Choice
    from agenttrace_server.console.periods import Period

# Statistics do not tell failures by time: these many of the newest do.
MOST_FAILURES = 1_000
# What the query service counts by tool and model at most.
LONGEST_BY_STEP = dt.timedelta(days=7)
# How many kinds of failures it tells of at most.
MOST_KINDS = 1_000
STEP_DIMENSIONS = ("tool", "model")


@dataclass(frozen=True, slots=True)
class Failures:
    """What there is to say of the failures of a period.

    Attributes:
        stats: The statistics of the runs in it.
        counts: Their failures by type, code, agent and version, those of the choice.
        newest: The newest failures that occurred in it, latest first, MOST_FAILURES at most.
        has_older: Whether there are more than these.
        groups: Steps by tool or model; empty where these were not asked for.
        grouped_since: From when on these are counted.
        catalogue: Titles and remedies.
    """

    stats: GetStatsResponse
    counts: Sequence[FailureStats]
    newest: Sequence[FailureDetail]
    has_older: bool
    groups: Sequence[StatsGroup]
    grouped_since: dt.datetime
    catalogue: Catalogue


async def read_failures(client: AsyncQueryClient, told: Period, scope: RunFilters, choice: Choice, by: str) -> Failures:
    """Return the failures of a period; `scope`: of which agents, versions and environments."""
    since = max(told.start, told.end - LONGEST_BY_STEP)
    whole: RunFilters = {**scope, "since": told.start, "until": told.end}
    recent: RunFilters = {**scope, "since": since, "until": told.end}
    stats, newest, groups, codes = await asyncio.gather(
        client.stats(**whole),
        client.failures(limit=MOST_FAILURES, page_size=200, **_filters(told, scope, choice)).page(),
        _groups(client, recent, by),
        client.failure_codes(),
    )
    counts = [count for count in stats.failures if choice.takes(count)]
    return Failures(stats, counts, newest.items, bool(newest.next_page_token), groups, since, Catalogue(codes))


async def _groups(client: AsyncQueryClient, filters: RunFilters, by: str) -> Sequence[StatsGroup]:
    if by not in STEP_DIMENSIONS:
        return ()
    found = (await client.stats(group_by=by, **filters)).groups
    return sorted(found, key=lambda group: -group.stats.failed_step_count)


def _filters(told: Period, scope: RunFilters, choice: Choice) -> FailureFilters:
    # What tells runs apart by agent, version and environment tells their failures apart, too.
    chosen = {name: word for name, word in choice._asdict().items() if word}
    filters: Any = {**scope, **chosen, "since": told.start, "until": told.end}
    found: FailureFilters = filters
    return found
