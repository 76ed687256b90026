"""Reads the google.rpc details of an error status into the exceptions of this package.

Through a descriptor pool of its own: a second copy of google/rpc in the default pool would clash with
googleapis-common-protos in the host's process. The messages below are those of google.rpc by their
field numbers, which is all the wire knows.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from agenttrace.errors import (
    CallError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    RateLimitedError,
    ServerError,
    UnauthenticatedError,
    UnavailableError,
)

DOMAIN = "agenttrace"

_CLASS_OF_STATUS: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RateLimitedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
}

# message -> fields as (name, number, type); a type that is a message's name means that message.
_MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "Any": (("type_url", 1, "string"), ("value", 2, "bytes")),
    "Status": (("code", 1, "int32"), ("text", 2, "string"), ("details", 3, "repeated Any")),
    "Fact": (("key", 1, "string"), ("value", 2, "string")),
    "ErrorInfo": (("reason", 1, "string"), ("domain", 2, "string"), ("metadata", 3, "repeated Fact")),
    "Duration": (("seconds", 1, "int64"), ("nanos", 2, "int32")),
    "RetryInfo": (("retry_delay", 1, "Duration"),),
    "FieldViolation": (("field", 1, "string"), ("description", 2, "string")),
    "BadRequest": (("field_violations", 1, "repeated FieldViolation"),),
}


def error_of(failed: grpc.RpcError) -> CallError:
    """Return what a failed call means, as an exception of this package."""
    told: Any = failed  # of two kinds that have no class in common, one of grpc and one of grpc.aio
    ended = hasattr(failed, "code")
    code = told.code() if ended else grpc.StatusCode.UNKNOWN
    text = told.details() if ended else None
    error = _CLASS_OF_STATUS.get(code, ServerError)(text or code.name)
    error.status = code.name
    for name, detail in _details(told.trailing_metadata() if ended else None):
        _READERS[name](error, detail)
    return error


def _details(trailers: Any) -> list[tuple[str, Any]]:
    """Return the details that are known here, each with its name. Damaged ones are left out."""
    packed = next((value for key, value in trailers or () if key == "grpc-status-details-bin"), None)
    if not isinstance(packed, bytes):
        return []
    try:
        status: Any = _CLASSES["Status"].FromString(packed)
        named = [(detail.type_url.rpartition("google.rpc.")[2], detail.value) for detail in status.details]
        return [(name, _CLASSES[name].FromString(value)) for name, value in named if name in _READERS]
    except DecodeError:
        return []


def _read_error_info(error: CallError, detail: Any) -> None:
    if detail.domain == DOMAIN:
        error.reason = detail.reason
        error.facts = {fact.key: fact.value for fact in detail.metadata}


def _read_retry_info(error: CallError, detail: Any) -> None:
    error.retry_after_seconds = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9


def _read_bad_request(error: CallError, detail: Any) -> None:
    error.violations = tuple((violation.field, violation.description) for violation in detail.field_violations)


_READERS = {"ErrorInfo": _read_error_info, "RetryInfo": _read_retry_info, "BadRequest": _read_bad_request}


def _classes() -> dict[str, type[Message]]:
    file = FileDescriptorProto(name="agenttrace/status_details.proto", package="details", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        message.field.extend(_field(*field) for field in fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"details.{name}")) for name in _MESSAGES}


def _field(name: str, number: int, kind: str) -> FieldDescriptorProto:
    base = kind.removeprefix("repeated ")
    label = FieldDescriptorProto.LABEL_OPTIONAL if base == kind else FieldDescriptorProto.LABEL_REPEATED
    if base in _MESSAGES:
        message = FieldDescriptorProto.TYPE_MESSAGE
        return FieldDescriptorProto(name=name, number=number, label=label, type=message, type_name=f".details.{base}")
    scalar = FieldDescriptorProto.Type.Value(f"TYPE_{base.upper()}")
    return FieldDescriptorProto(name=name, number=number, label=label, type=scalar)


_CLASSES = _classes()
