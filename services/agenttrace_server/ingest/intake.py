"""Reads an upload stream up to the limits of one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.interceptors.safe_requests import Received


class Intake:
    """The messages of one stream, until the client ends it or the server must (`close_reason` says why).

    The next message is read only when the one before has been dealt with: a full writer thus becomes
    backpressure to the client, and a stream holds one message in memory.
    """

    def __init__(self, requests: AsyncIterator[Received], draining: asyncio.Event) -> None:
        self._requests = requests
        self._draining = draining
        self._messages = 0
        self._bytes = 0
        self.close_reason: pb.CloseReason = pb.CLOSE_REASON_UNSPECIFIED

    async def messages(self) -> AsyncIterator[Received]:
        """Yield the stream's messages."""
        deadline = asyncio.get_running_loop().time() + limits.STREAM_SECONDS
        drained = asyncio.create_task(self._draining.wait())
        try:
            while (received := await self._next(deadline, drained)) is not None:
                self._messages += 1
                self._bytes += received.byte_size
                yield received
                if self._is_full():
                    return
        finally:
            drained.cancel()

    async def _next(self, deadline: float, drained: asyncio.Task[bool]) -> Received | None:
        """The next message, or None where the stream ends."""
        if drained.done():
            self.close_reason = pb.CLOSE_REASON_DRAINING
            return None
        read = asyncio.ensure_future(_read(self._requests))
        timeout = deadline - asyncio.get_running_loop().time()
        await asyncio.wait({read, drained}, timeout=max(timeout, 0), return_when=asyncio.FIRST_COMPLETED)
        if read.done():
            return read.result()
        read.cancel()
        self.close_reason = pb.CLOSE_REASON_DRAINING if drained.done() else pb.CLOSE_REASON_TIME_LIMIT
        return None

    def _is_full(self) -> bool:
        """Whether the stream has carried all that one stream may."""
        if self._messages >= limits.STREAM_MESSAGES:
            self.close_reason = pb.CLOSE_REASON_MESSAGE_LIMIT
        elif self._bytes >= limits.STREAM_BYTES:
            self.close_reason = pb.CLOSE_REASON_BYTE_LIMIT
        return bool(self.close_reason)


async def _read(requests: AsyncIterator[Received]) -> Received | None:
    return await anext(requests, None)
