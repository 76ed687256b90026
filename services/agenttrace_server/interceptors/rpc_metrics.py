"""Counts and times every call, under the names that public gRPC dashboards know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from agenttrace_server.interceptors import call_run
from agenttrace_server.interceptors.handlers import Context, Continuation, Handler, kind_of, wrap_handler
from agenttrace_server.interceptors.status_codes import reporting
from agenttrace_server.metrics.calls import CallMetrics, MethodSeries


class RpcMetrics(grpc.aio.ServerInterceptor):
    """Counts calls as they start and end, and their messages as their bytes are read and made."""

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            # gRPC answers it without a handler that could be wrapped.
            self._metrics.count_unknown_method()
            return handler  # type: ignore[return-value]
        _, service, method = handler_call_details.method.split("/", 2)
        series = self._metrics.method(kind_of(handler), service, method)
        return wrap_handler(_counting_messages(handler, series), _counting(series))


def _counting(series: MethodSeries) -> Callable[[Any, Context], Any]:
    @asynccontextmanager
    async def around(request: Any, context: Context) -> AsyncIterator[None]:
        call_run.tell(getattr(request, "run_id", ""))
        series.begin()
        async with reporting(context, lambda code, seconds: series.end(code, seconds, call_run.told())):
            yield

    return around


def _counting_messages(handler: Handler, series: MethodSeries) -> Handler:
    """Count in what turns bytes into messages and back: every message passes there, once."""
    parse, serialize = handler.request_deserializer, handler.response_serializer
    received, sent = series.received.inc, series.sent.inc

    def counting_parse(raw: bytes) -> Any:
        received()
        return parse(raw) if parse else raw

    def counting_serialize(message: Any) -> bytes:
        sent()
        return serialize(message) if serialize else message

    # grpc's handlers are named tuples, which their types do not say.
    return handler._replace(  # type: ignore[attr-defined, no-any-return]
        request_deserializer=counting_parse, response_serializer=counting_serialize
    )
