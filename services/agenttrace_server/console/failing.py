"""What a visitor sees when a page can not be shown: what happened, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agenttrace import (
    AgentTraceError,
    CallError,
    DeadlineExceededError,
    InvalidRequestError,
    InvalidValueError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)
from agenttrace.showing.run_search import SEARCHED_RUNS
from agenttrace_server.console.finding import NoRunFits
from agenttrace_server.console.pages import render, url
from agenttrace_server.console.state import LoginRequired

RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a page of an error says. `retry`: the page asks again by itself."""

    status_code: int
    title: str
    what_to_do: str
    retry: bool = False


_LATER = "This page asks again every few seconds and comes back by itself. `agenttrace doctor` tells more."
_DOWN = Explanation(503, "The query service does not answer", _LATER, retry=True)
_LATE = Explanation(504, "The answer did not come in time", "Choose a shorter period, or narrow the filters.")
_EXPLANATIONS: dict[type[Exception], Explanation] = {
    UnavailableError: _DOWN,
    DeadlineExceededError: _LATE,
    TimeoutError: _LATE,
    RateLimitedError: Explanation(429, "Too much is asked at once", "Wait a moment, then load the page again."),
    NoRunFits: Explanation(
        404,
        "There is no such run",
        f"No run of that time, nor of the newest {SEARCHED_RUNS:,}, has an id that starts or ends like that. "
        "It may be older than what is kept, or of another project.",
    ),
    NotFoundError: Explanation(
        404, "There is no such run", "It may be older than what is kept, or of another project."
    ),
    PermissionDeniedError: Explanation(
        403, "This key may not read", "Sign out, and sign in with a key that has the scope `query`."
    ),
    InvalidRequestError: Explanation(400, "That can not be asked", "Correct what is named below."),
    InvalidValueError: Explanation(400, "That can not be asked", "Correct what is named below."),
}
_FAULT = Explanation(
    500, "Something went wrong here", "The log of the console and that of the query service tell more."
)
_HTTP = {
    403: Explanation(403, "Refused", "The request did not come from a page of this console."),
    404: Explanation(404, "There is no such page", "The links above lead to every page there is."),
    405: Explanation(405, "That can not be done here", "The console only reads."),
}


async def show_error(request: Request, error: Exception) -> Response:
    """Return the page of an error, or the way to sign in."""
    if isinstance(error, LoginRequired | UnauthenticatedError):
        return _to_login(request, error)
    explanation = explain(error)
    # What we or the query service say of a field; never a value of it.
    details = [str(error)] if isinstance(error, InvalidValueError) else []
    if isinstance(error, CallError):
        told = [f"{field}: {what}" for field, what in error.violations]
        details = told or ([str(error)] if error.reason else [])
    return render(
        request,
        "error.html",
        status_code=explanation.status_code,
        headers={"Retry-After": str(RETRY_SECONDS)} if explanation.retry else None,
        explanation=explanation,
        details=details,
        reason=error.reason if isinstance(error, CallError) else "",
        retry_seconds=RETRY_SECONDS,
    )


def explain(error: Exception) -> Explanation:
    """Return what is to be said of an error."""
    if isinstance(error, HTTPException):
        return _HTTP.get(error.status_code, Explanation(error.status_code, error.detail, ""))
    return next((told for kind, told in _EXPLANATIONS.items() if isinstance(error, kind)), _FAULT)


def _to_login(request: Request, error: Exception) -> Response:
    """Send to the page to sign in, and from there back to this one."""
    where = url(request.url.path, tuple(request.query_params.multi_items()))
    why = "refused" if isinstance(error, UnauthenticatedError) else ""
    return RedirectResponse(url("/login", {"next": "" if where == "/" else where, "why": why}), 303)


HANDLERS = {AgentTraceError: show_error, LoginRequired: show_error, TimeoutError: show_error}
HTTP_ERRORS = {HTTPException: show_error, Exception: show_error}
