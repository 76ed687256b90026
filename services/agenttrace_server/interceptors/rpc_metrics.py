"""Counts and times every call, under the names that public gRPC dashboards know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from agenttrace_server.interceptors.handlers import Context, Continuation, Handler, kind_of, wrap_handler
from agenttrace_server.interceptors.status_codes import code_name
from agenttrace_server.metrics import Metrics


class RpcMetrics(grpc.aio.ServerInterceptor):
    """Counts calls as they start and end."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler  # type: ignore[return-value]
        _, service, method = handler_call_details.method.split("/", 2)
        labels = (kind_of(handler), service, method)
        return wrap_handler(handler, lambda context: self._counted(labels, context))

    @asynccontextmanager
    async def _counted(self, labels: tuple[str, str, str], context: Context) -> AsyncIterator[None]:
        self._metrics.rpc_started.labels(*labels).inc()
        started = time.monotonic()
        code = None
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = "CANCELLED"
            raise
        finally:
            self._metrics.rpc_handling_seconds.labels(*labels).observe(time.monotonic() - started)
            self._metrics.rpc_handled.labels(*labels, code or code_name(context)).inc()
