"""Bounds the streams that one key has open at the same time, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from agenttrace_server.errors import RateLimited
from agenttrace_server.interceptors.authentication import caller_of
from agenttrace_server.interceptors.handlers import Context, Handler, OwnHandlerInterceptor, wrap_handler
from agenttrace_server.metrics import Metrics

# When one of the others ends is not known.
_RETRY_SECONDS = 1.0


class OpenStreams(OwnHandlerInterceptor):
    """Refuses a stream of a key that has `most` of them open; 0: no limit. Runs within Authentication."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._refused = metrics.rate_limited.labels("streams")
        self._open: Counter[str] = Counter()

    def wrapped(self, handler: Handler, _: grpc.HandlerCallDetails) -> Handler:
        """Return the handler of a stream with its counting, any other as it is."""
        is_stream = handler.request_streaming or handler.response_streaming
        return wrap_handler(handler, self._counted) if is_stream and self._most else handler

    @asynccontextmanager
    async def _counted(self, _: Any, context: Context) -> AsyncIterator[None]:
        key_id = caller_of(context).key_id
        if self._open[key_id] >= self._most:
            self._refused.inc()
            raise RateLimited("streams", _RETRY_SECONDS)
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]
