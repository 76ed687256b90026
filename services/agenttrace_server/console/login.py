"""Signing in with an API key, and out."""

from __future__ import annotations

import re
import urllib.parse

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agenttrace import PermissionDeniedError, UnauthenticatedError
from agenttrace_server.console.pages import render
from agenttrace_server.console.security import require_own_origin
from agenttrace_server.console.state import console_of

_WHY = {
    "refused": "Your key is not accepted any more: it may have expired, or been revoked.",
    "unknown": "This is no API key that counts: check that it was copied whole, is not revoked and has not expired.",
    "scope": "This key may not read: ask for one with the scope query.",
}
_MOST_BYTES = 4_096
# A path of ours: not //host, which browsers take for another site's, nor a backslash, which they take for a slash.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20]*")


async def login_page(request: Request) -> Response:
    """GET /login: the form."""
    return _form(request, request.query_params.get("next", ""), request.query_params.get("why", ""), 200)


async def login(request: Request) -> Response:
    """POST /login: begin a session, if the query service takes the key."""
    require_own_origin(request)
    form = await _fields(request)
    key, goal = form.get("key", "").strip(), form.get("next", "")
    why = await _refusal(request, key)
    if why:
        return _form(request, goal, why, 403)
    response = RedirectResponse(own_path(goal), 303)
    console_of(request).sessions.begin(response, key, secure=request.url.scheme == "https")
    return response


async def logout(request: Request) -> Response:
    """POST /logout: end the session."""
    require_own_origin(request)
    response = RedirectResponse("/login", 303)
    console_of(request).sessions.end(response)
    return response


def own_path(told: str) -> str:
    """Return where to go after signing in: a page of ours, whatever is told."""
    return told if _OWN_PATH.fullmatch(told) else "/"


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a form as browsers send it; raise HTTPException where it is longer than ours."""
    told = b""
    async for part in request.stream():
        told += part
        if len(told) > _MOST_BYTES:
            raise HTTPException(413)
    return dict(urllib.parse.parse_qsl(told.decode("ascii", "replace")))


async def _refusal(request: Request, key: str) -> str:
    """Why a key does not do; empty where it does."""
    if not key.isascii() or not key.isprintable() or not key:
        return "unknown"
    try:
        # Guesses must not push out the clients of those who are signed in.
        async with console_of(request).readers.stranger(key) as client:
            await client.failure_codes()
    except UnauthenticatedError:
        return "unknown"
    except PermissionDeniedError:
        return "scope"
    return ""


def _form(request: Request, goal: str, why: str, status_code: int) -> Response:
    return render(
        request, "login.html", status_code=status_code, goal=own_path(goal), why=_WHY.get(why, ""), refused=why
    )
