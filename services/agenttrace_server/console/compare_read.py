"""What the page of comparisons reads: two samples of one agent's runs, as statistics and some runs themselves."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agenttrace_server.console.failures_read import LONGEST_BY_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace import AsyncQueryClient
    from agenttrace.filters import RunFilters
    from agenttrace.v1.query_service_pb2 import GetStatsResponse, StatsGroup
    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace_server.console.periods import Period

# Statistics have percentiles only; how durations are spread is seen in these many of the newest runs of a side.
MOST_RUNS = 400
DIMENSIONS = ("version", "environment", "period")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two samples.

    Attributes:
        name: What tells it from the other.
        period: When its runs started.
        stats: Its statistics.
        tools: Its steps by tool.
        tools_since: From when on these are counted.
        newest: The newest of its runs, MOST_RUNS at most.
    """

    name: str
    period: Period
    stats: GetStatsResponse
    tools: Sequence[StatsGroup]
    tools_since: dt.datetime
    newest: Sequence[RunSummary]


async def read_side(client: AsyncQueryClient, name: str, period: Period, scope: RunFilters) -> Side:
    """Return one sample; `scope`: of which agent, and which of its versions or environments."""
    since = max(period.start, period.end - LONGEST_BY_STEP)
    whole: RunFilters = {**scope, "since": period.start, "until": period.end}
    recent: RunFilters = {**scope, "since": since, "until": period.end}
    stats, tools, newest = await asyncio.gather(
        client.stats(**whole),
        client.stats(group_by="tool", **recent),
        client.runs(limit=MOST_RUNS, page_size=200, **whole).page(),
    )
    return Side(name, period, stats, tools.groups, since, newest.items)


async def agents(client: AsyncQueryClient, period: Period) -> list[str]:
    """Return the agents with runs in a period, the one with the most first."""
    found = await client.stats(group_by="agent", since=period.start, until=period.end)
    return [group.key for group in found.groups if group.key]


async def values(client: AsyncQueryClient, agent: str, by: str, period: Period) -> list[str]:
    """Return the versions or environments of an agent's runs, the one with the most first; none of periods."""
    if by == "period" or not agent:
        return []
    dimension = "agent_version" if by == "version" else "environment"
    found = await client.stats(group_by=dimension, agent_id=agent, since=period.start, until=period.end)
    names = (group.agent_version if by == "version" else group.key for group in found.groups)
    return [name for name in names if name]


def suggested(found: Sequence[str]) -> tuple[str, str]:
    """Return the two values to compare where none are told: the two with the most runs, the later one second."""
    first, second = sorted(found[:2], key=_natural) if len(found) > 1 else (*found, "", "")[:2]
    return first, second


def _natural(name: str) -> list[tuple[int, int | str]]:
    """How versions follow each other: 1.10 after 1.9."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]
