"""Writes one line for every call: what, how it ended, how long; nothing of what it carried."""

from __future__ import annotations

import logging

import grpc

from agenttrace_server.interceptors.handlers import Handler, HandlerInterceptor, wrap_handler
from agenttrace_server.interceptors.status_codes import reporting

_log = logging.getLogger(__name__)


class AccessLog(HandlerInterceptor):
    """Logs calls when they end: at INFO, those that failed at WARNING, health checks at DEBUG."""

    def wrapped(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler with a line when it ends."""
        method = details.method

        def log(code: str, seconds: float) -> None:
            _log.log(_level(method, code), "rpc", extra={"method": method, "code": code, "seconds": round(seconds, 6)})

        return wrap_handler(handler, lambda _, context: reporting(context, log))


def _level(method: str, code: str) -> int:
    if method.startswith("/grpc."):
        return logging.DEBUG
    # A client that goes away has seen enough: `agenttrace tail` ends so, and every live page.
    return logging.INFO if code in ("OK", "CANCELLED") else logging.WARNING
