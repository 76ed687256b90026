"""Turns what a handler raises into a status with google.rpc details: the only mention of status codes on that path."""

from __future__ import annotations

import asyncio
import logging
import traceback
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from agenttrace_server import errors
from agenttrace_server.interceptors.handlers import Context, Handler, HandlerInterceptor, wrap_handler

DOMAIN = "agenttrace"
STATUS_OF: dict[type[errors.ServiceError], grpc.StatusCode] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MalformedRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidPageToken: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidResumeToken: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ResumeTokenExpired: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RunNotFound: grpc.StatusCode.NOT_FOUND,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.ScopeMissing: grpc.StatusCode.PERMISSION_DENIED,
    errors.RateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Overloaded: grpc.StatusCode.UNAVAILABLE,
    errors.Draining: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.QueryTooExpensive: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_log = logging.getLogger(__name__)


class ErrorStatus(HandlerInterceptor):
    """Ends calls with the status of the error they raised; anything but a ServiceError is INTERNAL."""

    def wrapped(self, handler: Handler, _: grpc.HandlerCallDetails) -> Handler:
        """Return the handler with its errors as statuses."""
        return wrap_handler(handler, _error_status)


@asynccontextmanager
async def _error_status(_: Any, context: Context) -> AsyncIterator[None]:
    try:
        yield
    except errors.ServiceError as error:
        await context.abort_with_status(rpc_status.to_status(status_of(error)))
    except (grpc.aio.AbortError, asyncio.CancelledError):
        raise
    except Exception as exc:
        await context.abort_with_status(rpc_status.to_status(_internal(exc)))


def status_of(error: errors.ServiceError) -> status_pb2.Status:
    """Return the google.rpc.Status of an error: one ErrorInfo, and what else helps."""
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.facts)]
    if isinstance(error, errors.InvalidRequest) and error.violations:
        details.append(error_details_pb2.BadRequest(field_violations=[v._asdict() for v in error.violations]))
    if error.retry_seconds is not None:
        delay = Duration(nanos=int(error.retry_seconds * 1e9) % 10**9, seconds=int(error.retry_seconds))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(STATUS_OF[type(error)], error.text, details)


def _internal(exc: Exception) -> status_pb2.Status:
    """A status that says nothing but the id under which the log says more; the log has no values either."""
    log_id = str(uuid.uuid4())
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)]
    _log.error("internal_error", extra={"log_id": log_id, "exception": type(exc).__qualname__, "frames": frames})
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"log_id": log_id})
    return _status(grpc.StatusCode.INTERNAL, f"A fault of the server; its log has more under {log_id}.", [info])


def _status(code: grpc.StatusCode, text: str, details: list[Any]) -> status_pb2.Status:
    packed = [AnyMessage() for _ in details]
    for holder, detail in zip(packed, details, strict=True):
        holder.Pack(detail)
    number: int = code.value[0]
    return status_pb2.Status(code=number, message=text, details=packed)
