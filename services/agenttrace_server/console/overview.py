"""What the dashboard is made of: statistics of a period, those of the one before, and its newest runs."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from agenttrace import AsyncQueryClient
from agenttrace.filters import RunFilters
from agenttrace.showing.wording import failure_type_word, took_seconds
from agenttrace.v1.query_service_pb2 import GetStatsResponse, Stats, StatsGroup
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace_server.console.periods import Period

KeyT = TypeVar("KeyT", bound=Hashable)

# The query service lists newest first and by nothing else: the slowest and costliest are looked for among these.
SEARCHED_RUNS = 1_000
_SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """What the query service says of a period.

    Attributes:
        over_time: Totals, failures, and the buckets of `width`.
        by_agent: Each agent in it.
        before: Each agent in the period before, and the totals of it.
        newest: Its newest runs, SEARCHED_RUNS at most.
        width: The width of a bucket.
    """

    over_time: GetStatsResponse
    by_agent: GetStatsResponse
    before: GetStatsResponse
    newest: list[RunSummary]
    width: dt.timedelta

    @property
    def totals(self) -> Stats:
        """Of all runs in the period."""
        return self.over_time.totals

    def agents_before(self) -> dict[str, Stats]:
        """Return the statistics of each agent in the period before."""
        return {group.key: group.stats for group in self.before.groups}

    def buckets(self) -> dict[int, Stats]:
        """Return the statistics of each bucket with runs in it, by its start in seconds since 1970."""
        return {group.bucket_start_time.seconds: group.stats for group in self.over_time.groups}

    def agents(self) -> list[StatsGroup]:
        """Return the agents, the one with the most runs first."""
        return list(self.by_agent.groups)

    def failure_types(self) -> Counter[str]:
        """Return how many failures there were of each type."""
        return _summed((failure_type_word(told.type), told.failure_count) for told in self.over_time.failures)

    def failure_codes(self) -> Counter[tuple[str, str]]:
        """Return how many failures there were of each type and code."""
        return _summed(
            ((failure_type_word(told.type), told.code), told.failure_count) for told in self.over_time.failures
        )

    def slowest(self) -> list[RunSummary]:
        """Return the longest of the newest runs that have ended."""
        ended = [run for run in self.newest if took_seconds(run) is not None]
        return sorted(ended, key=lambda run: took_seconds(run) or 0.0, reverse=True)[:_SHOWN_RUNS]

    def costliest(self) -> list[RunSummary]:
        """Return the most expensive of the newest runs."""
        paid = [run for run in self.newest if run.cost_micro_usd]
        return sorted(paid, key=lambda run: run.cost_micro_usd, reverse=True)[:_SHOWN_RUNS]


async def read_overview(client: AsyncQueryClient, period: Period, scope: RunFilters) -> Overview:
    """Return what there is to say of a period; `scope`: of which agents and environments."""
    now: RunFilters = {**scope, "since": period.start, "until": period.end}
    before: RunFilters = {**scope, "since": period.before.start, "until": period.before.end}
    async with asyncio.TaskGroup() as group:
        over_time = group.create_task(client.stats(bucket=period.bucket, **now))
        by_agent = group.create_task(client.stats(group_by="agent", **now))
        earlier = group.create_task(client.stats(group_by="agent", **before))
        newest = group.create_task(client.runs(limit=SEARCHED_RUNS, page_size=200, **now).page())
    return Overview(over_time.result(), by_agent.result(), earlier.result(), newest.result().items, period.bucket)


def _summed(counts: Iterable[tuple[KeyT, int]]) -> Counter[KeyT]:
    found: Counter[KeyT] = Counter()
    for key, count in counts:
        found[key] += count
    return found
