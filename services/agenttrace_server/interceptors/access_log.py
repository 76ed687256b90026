"""Writes one line for every call: what, how it ended, how long; nothing of what it carried."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from agenttrace_server.interceptors.handlers import Context, Continuation, Handler, wrap_handler
from agenttrace_server.interceptors.status_codes import code_name

_log = logging.getLogger(__name__)


class AccessLog(grpc.aio.ServerInterceptor):
    """Logs calls when they end: at INFO, health checks at DEBUG."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        return wrap_handler(handler, lambda context: _logged(method, context)) if handler else handler


@asynccontextmanager
async def _logged(method: str, context: Context) -> AsyncIterator[None]:
    started = time.monotonic()
    code = None
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        code = "CANCELLED"
        raise
    finally:
        level = logging.DEBUG if method.startswith("/grpc.") else logging.INFO
        fields = {"method": method, "code": code or code_name(context), "seconds": round(time.monotonic() - started, 6)}
        _log.log(level, "rpc", extra=fields)
