"""Every page begins to answer within a tenth of a second, and none takes for ever.

What is ready soon is sent whole, with the status that it has. Where the query service takes longer, the frame of the
page is sent first, and its main part when it is there: a visitor sees that something comes. Such an answer has begun
with status 200; what goes wrong after that stands in its main part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from agenttrace_server.console.failing import show_error
from agenttrace_server.console.pages import fill

_FRAME_SECONDS = 0.06
# A listing is a stream, and a stream has no deadline of its own.
_PATIENCE_SECONDS = 20.0
_MAIN = "<main"
Page = Callable[[Request], Awaitable[Response]]


def prompt(page: Page) -> Page:
    """Return a page that begins to answer soon, and that says so when it takes too long."""

    async def soon(request: Request) -> Response:
        answer = asyncio.ensure_future(_within_time(page, request))
        try:
            done, _ = await asyncio.wait({answer}, timeout=_FRAME_SECONDS)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        if done:
            return await answer
        return StreamingResponse(_frame_first(request, answer), media_type="text/html")

    return soon


async def _within_time(page: Page, request: Request) -> Response:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        return await page(request)


async def _frame_first(request: Request, answer: asyncio.Future[Response]) -> AsyncIterator[str]:
    try:
        frame = fill(request, "frame.html")
        yield frame[: frame.index(_MAIN)]
        try:
            response = await answer
        except Exception as error:
            # The answer has begun: nobody else can tell the visitor.
            response = await show_error(request, error)
        yield _main_part(request, response)
    finally:
        answer.cancel()


def _main_part(request: Request, response: Response) -> str:
    """Return what is left to send of a page; of one that sends elsewhere, a page that goes there."""
    if isinstance(response, RedirectResponse):
        page = fill(request, "frame.html", goal=response.headers["location"])
    else:
        page = bytes(response.body).decode()
    return page[page.index(_MAIN) :]
