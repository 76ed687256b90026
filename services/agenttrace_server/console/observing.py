"""Tells of each request when it has ended: by route, never by address, for addresses hold what visitors look for."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Method, route, status code, seconds until the answer began.
Observer = Callable[[str, str, int, float], None]
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Observed:
    """Tells an observer of every request: how long its answer took to begin, for a live page has no end."""

    def __init__(self, app: ASGIApp, observe: Observer) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
                self._observe(method, _route(scope), message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_and_tell)


def _route(scope: Scope) -> str:
    """The route's path with its placeholders, from a closed set."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if str(scope["path"]).startswith("/static/") else "_OTHER"
