"""What comes to the explorer while it is open: rows of runs as they start, progress and end, by server-sent events.

    event: runs    data: {"runs": [{"id", "order", "html"}, ...], "gone": [id, ...], "whole": bool}
    event: state   data: "live", or why it is not

The first `runs` are the whole page, so that nothing is missed between the page and its first event.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agenttrace import AgentTraceError, AsyncQueryClient, UnauthenticatedError
from agenttrace.showing.wording import status_word
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace_server.console.explorer import PAGE_SIZE, newest_first, order
from agenttrace_server.console.feeds import Feed, Feeds, Mailbox
from agenttrace_server.console.pages import fill
from agenttrace_server.console.selection import Selection, selection, watched
from agenttrace_server.console.state import LoginRequired, console_of, reader, request_key

# At most so often a page is told: a run changes with each of its steps.
_GATHER_SECONDS = 0.5
_BEAT_SECONDS = 15.0
_RETRY_MILLISECONDS = 3000


async def live_runs(request: Request) -> Response:
    """GET /live/runs: the events, for the parameters of the explorer."""
    chosen = selection(request.query_params)
    try:
        events = _events(request, reader(request), chosen)
    except LoginRequired:
        # To be sent elsewhere helps no stream: the page is told, and says so.
        return Response(status_code=401)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(request: Request, client: AsyncQueryClient, chosen: Selection) -> AsyncIterator[str]:
    console = console_of(request)
    key = (request_key(request), chosen.parameters)
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    async with console.feeds.following(client, key, watched(chosen), most=PAGE_SIZE) as (feed, mailbox):
        try:
            await feed.ready.wait()
            if feed.ended:
                raise feed.ended
            yield await _whole_page(request, client, chosen) + _event("state", "live")
            async for runs in _changes(console.feeds, feed, mailbox):
                yield await _whole_page(request, client, chosen) if runs is None else _told(request, chosen, runs)
                yield _event("state", "the query service does not answer" if feed.is_silent else "live")
        except UnauthenticatedError:
            yield _event("state", "signed out: load the page again")
        except AgentTraceError:
            yield _event("state", "the query service does not answer")


async def _changes(feeds: Feeds, feed: Feed, mailbox: Mailbox) -> AsyncIterator[list[RunSummary] | None]:
    """Yield what has changed, nothing at every beat, None where that is too much to tell; end when we drain."""
    while not feeds.draining:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BEAT_SECONDS):
                await mailbox.news.wait()
        if feed.ended:
            raise feed.ended
        yield mailbox.take()
        await asyncio.sleep(_GATHER_SECONDS)


async def _whole_page(request: Request, client: AsyncQueryClient, chosen: Selection) -> str:
    """Return the event that replaces all of the page."""
    page = await client.runs(limit=PAGE_SIZE, **chosen.filters).page()
    return _told(request, chosen, page.items, whole=True)


def _told(request: Request, chosen: Selection, runs: Iterable[RunSummary], *, whole: bool = False) -> str:
    """Return the event of runs: rows of those that the page is to show, ids of those that it is not any more."""
    statuses = chosen.told.get("status")
    rows, gone = [], []
    for summary in newest_first(runs):
        if statuses and status_word(summary.run.status) not in statuses:
            gone.append(summary.run.run_id)
        else:
            place = order(summary)
            html = fill(request, "live_row.html", summary=summary, order=place)
            rows.append({"id": summary.run.run_id, "order": place, "html": html})
    return _event("runs", {"runs": rows, "gone": gone, "whole": whole})


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
