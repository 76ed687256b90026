"""Writes one line for every call: what, how it ended, how long; nothing of what it carried."""

from __future__ import annotations

import logging

import grpc
import grpc.aio

from agenttrace_server.interceptors.handlers import Continuation, Handler, wrap_handler
from agenttrace_server.interceptors.status_codes import reporting

_log = logging.getLogger(__name__)


class AccessLog(grpc.aio.ServerInterceptor):
    """Logs calls when they end: at INFO, health checks at DEBUG."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method

        def log(code: str, seconds: float) -> None:
            level = logging.DEBUG if method.startswith("/grpc.") else logging.INFO
            _log.log(level, "rpc", extra={"method": method, "code": code, "seconds": round(seconds, 6)})

        return wrap_handler(handler, lambda _, context: reporting(context, log)) if handler else handler
