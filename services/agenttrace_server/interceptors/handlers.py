"""Wraps a call's handler, whichever of the four kinds it is: the only place that tells them apart."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
else:  # generic for type checkers only
    Context = grpc.aio.ServicerContext
    Handler = grpc.RpcMethodHandler
# Made of a call's request (of a client stream: its iterator) and context; entered before the handler and left after it,
# or with what it raised.
Around = Callable[[Any, Context], AbstractAsyncContextManager[None]]
Continuation = Callable[[grpc.HandlerCallDetails], Any]


def wrap_handler(handler: Handler, around: Around) -> Handler:
    """Return a handler that runs within `around`."""
    # A streaming handler is a generator, or like grpc's own health service a coroutine that writes.
    if inspect.isasyncgenfunction(_behaviour(handler)):
        return _replace(handler, _streaming(_behaviour(handler), around))
    return _replace(handler, _single(_behaviour(handler), around))


def kind_of(handler: Handler) -> str:
    """Return the kind of call as Prometheus' gRPC metrics spell it."""
    return {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[bool(handler.request_streaming), bool(handler.response_streaming)]


def _single(behaviour: Any, around: Around) -> Any:
    async def call(request: Any, context: Context) -> Any:
        async with around(request, context):
            return await behaviour(request, context)

    return call


def _streaming(behaviour: Any, around: Around) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        async with around(request, context):
            async for response in behaviour(request, context):
                yield response

    return call


_BEHAVIOURS = {
    (False, False): "unary_unary",
    (True, False): "stream_unary",
    (False, True): "unary_stream",
    (True, True): "stream_stream",
}


def _name(handler: Handler) -> str:
    return _BEHAVIOURS[bool(handler.request_streaming), bool(handler.response_streaming)]


def _behaviour(handler: Handler) -> Any:
    return getattr(handler, _name(handler))


def _replace(handler: Handler, behaviour: Any) -> Handler:
    # grpc's handlers are named tuples, which their types do not say.
    return handler._replace(**{_name(handler): behaviour})  # type: ignore[attr-defined, no-any-return]
