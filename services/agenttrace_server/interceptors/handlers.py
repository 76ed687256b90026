"""Wraps a call's handler, whichever of the four kinds it is: the only place that tells them apart."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
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
# Asked before each message of a stream; returns what to await first, None where there is nothing.
Guard = Callable[[], Awaitable[None] | None]
Continuation = Callable[[grpc.HandlerCallDetails], Any]
_OWN_SERVICES = "/agenttrace.v1."


class HandlerInterceptor(grpc.aio.ServerInterceptor, ABC):
    """Puts something around the handler of every call that has one; gRPC itself refuses what has none."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        return self.wrapped(handler, handler_call_details) if handler else handler

    @abstractmethod
    def wrapped(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """Return what takes the handler's place."""


class OwnHandlerInterceptor(HandlerInterceptor):
    """Puts something around the handlers of our services; those of health checks and reflection stay as they are."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        if handler_call_details.method.startswith(_OWN_SERVICES):
            return await super().intercept_service(continuation, handler_call_details)
        return await continuation(handler_call_details)  # type: ignore[no-any-return]


def wrap_handler(handler: Handler, around: Around) -> Handler:
    """Return a handler that runs within `around`."""
    # A streaming handler is a generator, or like grpc's own health service a coroutine that writes.
    if inspect.isasyncgenfunction(_behaviour(handler)):
        return _replace(handler, _streaming(_behaviour(handler), around))
    return _replace(handler, _single(_behaviour(handler), around))


def wrap_messages(handler: Handler, guard: Guard) -> Handler:
    """Return a handler whose streams pass the guard at every message, in either direction."""
    if handler.request_streaming:
        handler = _replace(handler, _guarding_requests(_behaviour(handler), guard))
    if handler.response_streaming:
        handler = _replace(handler, _guarding_responses(_behaviour(handler), guard))
    return handler


def kind_of(handler: Handler) -> str:
    """Return the kind of call as Prometheus' gRPC metrics spell it."""
    return kind(bool(handler.request_streaming), bool(handler.response_streaming))


def kind(client_streaming: bool, server_streaming: bool) -> str:
    """Return the kind of a method; see `kind_of`."""
    return {
        (False, False): "unary",
        (True, False): "client_stream",
        (False, True): "server_stream",
        (True, True): "bidi_stream",
    }[client_streaming, server_streaming]


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


class _GuardedRequests:
    """The messages of a client stream. No generator: one that is left before its end has to be closed."""

    def __init__(self, requests: AsyncIterator[Any], guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def __aiter__(self) -> _GuardedRequests:
        return self

    async def __anext__(self) -> Any:
        request = await anext(self._requests)
        if (pending := self._guard()) is not None:
            await pending
        return request


def _guarding_requests(behaviour: Any, guard: Guard) -> Any:
    # Returns what the behaviour does, a coroutine or a generator: no kind of call is told apart here.
    def call(requests: AsyncIterator[Any], context: Context) -> Any:
        return behaviour(_GuardedRequests(requests, guard), context)

    return call


def _guarding_responses(behaviour: Any, guard: Guard) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        async for response in behaviour(request, context):
            if (pending := guard()) is not None:
                await pending
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
