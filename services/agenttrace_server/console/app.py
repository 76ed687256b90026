"""The console as an ASGI application: its routes, and what every request passes through."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from agenttrace_server.console import (
    compare_page,
    dashboard,
    explorer,
    failing,
    failures_page,
    finding,
    health,
    live,
    login,
    pages,
    run_page,
)
from agenttrace_server.console.observing import Observed, Observer
from agenttrace_server.console.promptness import prompt
from agenttrace_server.console.security import KnownHosts, SecurityHeaders
from agenttrace_server.console.state import Console

PAGES = [
    Route("/", dashboard.dashboard),
    Route("/runs", explorer.explorer),
    Route("/runs/{run_id}", run_page.page),
    Route("/find", finding.find),
    Route("/failures", failures_page.page),
    Route("/compare", compare_page.page),
    Route("/login", login.login_page),
]


def create_app(console: Console, observe: Observer) -> Starlette:
    """Return the application. `observe`: is told of each request when it has ended."""
    app = Starlette(
        routes=[
            *(Route(page.path, prompt(page.endpoint), name=page.path) for page in PAGES),
            Route("/login", login.login, methods=["POST"]),
            Route("/logout", login.logout, methods=["POST"]),
            Route("/live/runs", live.live_runs),
            Route("/healthz", health.healthz),
            Route("/livez", health.livez),
            Mount("/static", _Kept(directory=pages.STATIC)),
        ],
        middleware=[
            Middleware(Observed, observe=observe),
            Middleware(SecurityHeaders),
            Middleware(KnownHosts, hosts=console.settings.hosts),
        ],
        exception_handlers={**failing.HANDLERS, **failing.HTTP_ERRORS},
    )
    app.state.console = console
    return app


class _Kept(StaticFiles):
    """Static files, which browsers may keep: their address changes with what is in them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            kept = "public, max-age=31536000, immutable" if Request(scope).query_params.get("v") else "no-cache"
            response.headers["Cache-Control"] = kept
        return response
