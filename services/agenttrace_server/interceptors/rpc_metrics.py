"""Counts and times every call, under the names that public gRPC dashboards know."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import grpc.aio

from agenttrace_server.interceptors.handlers import Context, Continuation, Handler, kind_of, wrap_handler
from agenttrace_server.interceptors.status_codes import reporting
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

        def count(code: str, seconds: float) -> None:
            self._metrics.rpc_handling_seconds.labels(*labels).observe(seconds)
            self._metrics.rpc_handled.labels(*labels, code).inc()

        def around(_: Any, context: Context) -> AbstractAsyncContextManager[None]:
            self._metrics.rpc_started.labels(*labels).inc()
            return reporting(context, count)

        return wrap_handler(handler, around)
