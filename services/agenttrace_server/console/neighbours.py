"""The runs of the same agent before and after a run, as the listing of runs finds them."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agenttrace import AsyncQueryClient
    from agenttrace.v1.run_pb2 import Run, RunSummary

# Runs are listed newest first: the next one is the last of a stretch of time that begins after this run.
_MOST_RUNS = 50
_FIRST_WINDOW = dt.timedelta(minutes=1)
_GROWTH = 8
_MOST_WINDOWS = 10
_INSTANT = dt.timedelta(microseconds=1)


class Neighbours(NamedTuple):
    """The runs beside a run.

    Attributes:
        previous: The one that started before it, None for the agent's first.
        following: The one that started after it, None for the agent's newest, or where it was not found.
        searched_all: False where so much was listed that the search for the next run was given up.
    """

    previous: RunSummary | None
    following: RunSummary | None
    searched_all: bool = True


async def neighbours(client: AsyncQueryClient, run: Run) -> Neighbours:
    """Return the runs of the agent before and after a run; none of an agent that is not told."""
    if not run.agent_id:
        return Neighbours(None, None)
    previous, (following, searched_all) = await asyncio.gather(_previous(client, run), _following(client, run))
    return Neighbours(previous, following, searched_all)


async def _previous(client: AsyncQueryClient, run: Run) -> RunSummary | None:
    before = client.runs(agent_id=run.agent_id, until=_start(run), limit=1, page_size=1)
    return next(iter((await before.page()).items), None)


async def _following(client: AsyncQueryClient, run: Run) -> tuple[RunSummary | None, bool]:
    """Look at all that came after it, then at windows of time that grow while empty and shrink while too full."""
    start, now = _start(run) + _INSTANT, dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    width = max(now - start, _INSTANT)
    for tried in range(_MOST_WINDOWS):
        end = min(start + width, now)
        page = await client.runs(
            agent_id=run.agent_id, since=start, until=end, limit=_MOST_RUNS, page_size=_MOST_RUNS
        ).page()
        if not page.next_page_token:
            if page.items or end == now:
                return next(reversed(page.items), None), True
            start, width = end, width * _GROWTH
        else:
            width = _FIRST_WINDOW if tried == 0 else max(width / _GROWTH, _INSTANT)
    return None, False


def _start(run: Run) -> dt.datetime:
    return run.start_time.ToDatetime(dt.UTC)
