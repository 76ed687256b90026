"""Finds runs by a part of their id: the start, which tells when a UUIDv7 was made, or the end."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from agenttrace import limits
from agenttrace.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.async_client import AsyncQueryClient
    from agenttrace.client import QueryClient
    from agenttrace.filters import RunFilters
    from agenttrace.v1.run_pb2 import RunSummary

SEARCHED_RUNS = 1_000
# Digits of a UUIDv7 that narrow the time of its making to a minute.
_ENOUGH_DIGITS = 8
_TIME_DIGITS = 12
_SLACK = dt.timedelta(minutes=5)
_YEARS = (2020, 2200)


class PartOfId(NamedTuple):
    """The start or end of a run's id, or all of it."""

    text: str

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole id."""
        return limits.UUID.fullmatch(self.text) is not None

    def fits(self, summary: RunSummary) -> bool:
        """Whether a run's id starts or ends with it."""
        run_id = summary.run.run_id
        return run_id.startswith(self.text) or run_id.endswith(self.text)


class _Listing(NamedTuple):
    """A listing of runs to look through; `limit` 0: all of it."""

    filters: RunFilters
    limit: int = 0


def part_of_id(text: str) -> PartOfId:
    """Return a part of an id as people type it; raise InvalidValueError for what is none."""
    part = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f-]{2,36}", part):
        raise InvalidValueError("no run's id, nor the start or end of one: these have hex digits and dashes only")
    return PartOfId(part)


def runs_with(client: QueryClient, part: PartOfId, most: int) -> list[RunSummary]:
    """Return runs whose ids start or end with a part, so many at most."""
    for listing in _listings(part):
        runs = client.runs(limit=listing.limit, **listing.filters)
        if found := list(islice(filter(part.fits, runs), most)):
            return found
    return []


async def async_runs_with(client: AsyncQueryClient, part: PartOfId, most: int) -> list[RunSummary]:
    """As `runs_with`."""
    for listing in _listings(part):
        found: list[RunSummary] = []
        async with aclosing(client.runs(limit=listing.limit, **listing.filters).pages()) as pages:
            async for page in pages:
                found += filter(part.fits, page.items)
                if len(found) >= most:
                    break
        if found:
            return found[:most]
    return []


def _listings(part: PartOfId) -> Iterator[_Listing]:
    """Yield where to look, the likeliest first: among the runs of the time that the id tells, then the newest."""
    digits = part.text.replace("-", "")[:_TIME_DIGITS]
    earliest, latest = (int(digits.ljust(_TIME_DIGITS, fill), 16) / 1000 for fill in "0f")
    bounds = [dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() for year in _YEARS]
    if len(digits) >= _ENOUGH_DIGITS and bounds[0] <= earliest <= bounds[1]:
        since, until = (dt.datetime.fromtimestamp(time, dt.UTC) for time in (earliest, latest))
        yield _Listing({"since": since - _SLACK, "until": until + _SLACK})
    yield _Listing({}, SEARCHED_RUNS)
