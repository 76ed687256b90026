"""The typed errors of our domain.

They know their reason and facts, and nothing of gRPC:

    ServiceError              ends a call; `reason` is a value of agenttrace.v1.ErrorReason without its prefix
      InvalidRequest
        MalformedRequest
        InvalidPageToken
        InvalidResumeToken
      ResumeTokenExpired
      RunNotFound
      Unauthenticated
      ScopeMissing
      RateLimited
      Overloaded
      Draining
      StoreUnavailable
      QueryTooExpensive
    StartupError              ends the process with exit code 2; its text is one line that says what to do
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple


class FieldViolation(NamedTuple):
    """A field of a request by its path, and what is wrong with it; never its value."""

    field: str
    description: str


class ServiceError(Exception):
    """A call can not be answered. `text` is for people and holds no value of the request."""

    reason: ClassVar[str]
    text: str
    retry_seconds: float | None = None
    # For programs, in the error's ErrorInfo; from closed sets, like the text.
    facts: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        return self.text


class InvalidRequest(ServiceError):
    """Fields of the request are wrong."""

    reason = "INVALID_REQUEST"
    text = "The request is not valid: see the field violations."

    def __init__(self, *violations: FieldViolation) -> None:
        super().__init__(self.text)
        self.violations: Sequence[FieldViolation] = violations


class MalformedRequest(InvalidRequest):
    """The bytes of the request are no message of its type."""

    reason = "MALFORMED_REQUEST"
    text = "The bytes of the request are no message of its type."


class InvalidPageToken(InvalidRequest):
    """The page token was not made by this service for this project, call and filter."""

    reason = "INVALID_PAGE_TOKEN"
    text = "The page token does not belong to this listing: start again without one."


class InvalidResumeToken(InvalidRequest):
    """The resume token was not made by this service for this project."""

    reason = "INVALID_RESUME_TOKEN"
    text = "The resume token does not belong to this project: start again without one."


class ResumeTokenExpired(ServiceError):
    """The changes after the resume token are no longer kept."""

    reason = "RESUME_TOKEN_EXPIRED"
    text = "The changes after this resume token are no longer kept: list the runs, then watch without a token."


class RunNotFound(ServiceError):
    """No run has this id in the project."""

    reason = "RUN_NOT_FOUND"
    text = "The project has no run with this id."


class Unauthenticated(ServiceError):
    """A call has no key that counts. `cause`: missing, malformed, unknown, expired or revoked."""

    reason = "UNAUTHENTICATED"
    text = "The call has no API key that counts."
    texts: ClassVar[Mapping[str, str]] = {
        "missing": "The call needs an API key: send it in the metadata as `authorization: Bearer at_...`.",
        "malformed": "What was sent as an API key has not the form of one: at_<12 characters>_<43 characters>.",
        "unknown": "There is no such API key.",
        "expired": "The API key has expired.",
        "revoked": "The API key was revoked.",
    }

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.text = self.texts[cause]
        self.facts = {"cause": cause}


class ScopeMissing(ServiceError):
    """A call's key does not have the scope that the call needs."""

    reason = "SCOPE_MISSING"
    text = "The API key does not have the scope that this call needs."

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.text = f"The API key does not have the scope that this call needs: {scope}."
        self.facts = {"scope": scope}


class RateLimited(ServiceError):
    """A key has passed a rate limit. `limit`: items, bytes or streams; `seconds`: until there is room again."""

    reason = "RATE_LIMITED"
    text = "The API key has passed a rate limit: try again later."

    def __init__(self, limit: str, seconds: float) -> None:
        super().__init__(limit)
        self.retry_seconds = seconds
        self.facts = {"limit": limit}


class Overloaded(ServiceError):
    """More is waiting than the server may hold."""

    reason = "OVERLOADED"
    text = "The server is overloaded: try again."
    retry_seconds = 1.0


class Draining(ServiceError):
    """The server is shutting down."""

    reason = "DRAINING"
    text = "The server is shutting down: try again."
    retry_seconds = 1.0


class StoreUnavailable(ServiceError):
    """The database does not answer."""

    reason = "STORE_UNAVAILABLE"
    text = "The database does not answer: try again."
    retry_seconds = 2.0


class QueryTooExpensive(ServiceError):
    """A query took longer than it may."""

    reason = "QUERY_TOO_EXPENSIVE"
    text = "The query takes too long: narrow the filter or the time range."


class StartupError(Exception):
    """The process can not do what it was started for; the text says what to do."""
