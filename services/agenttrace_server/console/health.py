"""What load balancers ask: whether the process lives, and whether its pages have something to show."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agenttrace import CallError, PermissionDeniedError, UnauthenticatedError
from agenttrace_server.console.state import console_of


async def livez(_: Request) -> Response:
    """GET /livez: the process answers."""
    return JSONResponse({"console": "alive"})


async def healthz(request: Request) -> Response:
    """GET /healthz: 200 while the query service answers, 503 while it does not."""
    answers = await query_service_answers(request)
    told = {"console": "alive", "query_service": "answers" if answers else "does not answer"}
    return JSONResponse(told, 200 if answers else 503)


async def query_service_answers(request: Request) -> bool:
    """Whether the query service answers, if only that it wants a key."""
    try:
        await console_of(request).readers.of("").failure_codes()
    except (UnauthenticatedError, PermissionDeniedError):
        return True
    except CallError:
        return False
    return True
