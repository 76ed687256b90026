"""Hands the bytes of requests to servicers as messages, or as known to be damaged.

Left to itself gRPC ends a call UNKNOWN, with the exception's text, when a request can not be parsed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from agenttrace_server.errors import MalformedRequest
from agenttrace_server.interceptors.handlers import Context, Handler, OwnHandlerInterceptor, wrap_handler

FromString = Callable[[bytes], Message]


class Request(NamedTuple):
    """A request message, and how many unknown fields were in it; they are discarded."""

    message: Any
    unknown_field_count: int


class Received:
    """The bytes of a request, not parsed yet: a message takes several times the memory of its bytes."""

    __slots__ = ("_from_string", "_raw", "byte_size")

    def __init__(self, from_string: FromString, raw: bytes) -> None:
        self._from_string = from_string
        self._raw = raw
        self.byte_size = len(raw)

    def parse(self) -> Request | None:
        """Return the message; None where the bytes are none."""
        try:
            message = self._from_string(self._raw)
        except (DecodeError, RecursionError):
            return None
        message.DiscardUnknownFields()
        # A known message has one length in bytes: only where it differs is there anything to count.
        unknown = 0 if message.ByteSize() == self.byte_size else _count_unknown(self._from_string(self._raw))
        return Request(message, unknown)


class _Malformed:
    """Stands for a request whose bytes are no message, until the call begins and can be refused."""


@asynccontextmanager
async def _refuse_malformed(request: Any, _: Context) -> AsyncIterator[None]:
    if isinstance(request, _Malformed):
        raise MalformedRequest
    yield


class SafeRequests(OwnHandlerInterceptor):
    """Makes requests Received, or with `unwrap` the message itself; then a damaged one ends its call."""

    def __init__(self, *, unwrap: bool) -> None:
        self._unwrap = unwrap

    def wrapped(self, handler: Handler, _: grpc.HandlerCallDetails) -> Handler:
        """Return a handler of what a request's bytes became."""
        parse: Any = handler.request_deserializer
        if self._unwrap:
            handler = wrap_handler(handler, _refuse_malformed)
            deserialize = _unwrapped(parse)
        else:
            deserialize = partial(Received, parse)
        # grpc's handlers are named tuples, which their types do not say.
        return handler._replace(request_deserializer=deserialize)  # type: ignore[attr-defined, no-any-return]


def _unwrapped(from_string: FromString) -> Callable[[bytes], Any]:
    def message(raw: bytes) -> Any:
        request = Received(from_string, raw).parse()
        return _Malformed() if request is None else request.message

    return message


def _count_unknown(message: Message) -> int:
    """The number of unknown fields in a message and the messages within it."""
    count = len(UnknownFieldSet(message))
    for descriptor, value in message.ListFields():
        count += sum(map(_count_unknown, _messages(descriptor, value)))
    return count


def _messages(descriptor: FieldDescriptor, value: Any) -> Iterable[Message]:
    """The messages in a field: one, a list, or the values of a map."""
    kind = descriptor.message_type
    if kind is None or not descriptor.is_repeated:
        return [value] if kind else []
    if kind.GetOptions().map_entry:
        return value.values() if kind.fields_by_name["value"].message_type else []
    return value  # type: ignore[no-any-return]
