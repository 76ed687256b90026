"""Pages that are ready soon come whole; others begin with their frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from agenttrace import UnavailableError
from agenttrace_server.console.pages import environment
from agenttrace_server.console.promptness import prompt
from agenttrace_server.console.readers import Readers
from agenttrace_server.console.sessions import Sessions
from agenttrace_server.console.state import Console, Settings

PAGE = '<!doctype html><title>t</title><main id="main">all of it</main></html>'


def request() -> Request:
    app = Starlette()
    app.state.console = Console(
        settings=Settings(), readers=Readers("127.0.0.1:1"), sessions=Sessions("secret"), templates=environment()
    )
    scope = {"type": "http", "method": "GET", "path": "/runs", "query_string": b"", "headers": [], "app": app}
    return Request(scope)


async def answered(page: Callable[[Request], Awaitable[Response]]) -> tuple[Response, list[str]]:
    """A page's answer and the parts in which it came."""
    response = await prompt(page)(request())
    if isinstance(response, StreamingResponse):
        return response, [str(part) async for part in response.body_iterator]
    return response, [bytes(response.body).decode()]


def slowly(result: Response | Exception) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        await asyncio.sleep(0.2)
        if isinstance(result, Exception):
            raise result
        return result

    return page


def test_a_page_that_is_ready_comes_whole_with_its_status() -> None:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE, 404)

    response, parts = asyncio.run(answered(page))

    assert (response.status_code, parts) == (404, [PAGE])


def test_a_slow_page_begins_with_its_frame() -> None:
    _, (frame, main) = asyncio.run(answered(slowly(HTMLResponse(PAGE))))

    assert frame.startswith("<!doctype html>")
    assert "<title>Runs · AgentTrace</title>" in frame
    assert "<main" not in frame
    assert main == '<main id="main">all of it</main></html>'


def test_what_goes_wrong_late_stands_in_the_main_part() -> None:
    _, (_, main) = asyncio.run(answered(slowly(UnavailableError("gone"))))

    assert "The query service does not answer" in main
    assert 'http-equiv="refresh"' in main


def test_a_fault_of_ours_is_told_late_as_well() -> None:
    _, (_, main) = asyncio.run(answered(slowly(KeyError("x"))))

    assert "Something went wrong here" in main


def test_a_late_page_may_send_elsewhere() -> None:
    _, (_, main) = asyncio.run(answered(slowly(RedirectResponse("/login?next=/runs"))))

    assert 'content="0;url=/login?next=/runs"' in main
