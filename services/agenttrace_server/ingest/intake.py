"""Reads an upload stream up to the limits of one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.interceptors.safe_requests import Received


class Intake:
    """The messages of one stream, until the client ends it or the server must (`close_reason` says why)."""

    def __init__(self, requests: AsyncIterator[Received]) -> None:
        self._requests = requests
        self._messages = 0
        self._bytes = 0
        self._deadline = asyncio.get_running_loop().time() + limits.STREAM_SECONDS
        self._reading: asyncio.Timeout | None = None
        self._draining = False
        self.close_reason: pb.CloseReason = pb.CLOSE_REASON_UNSPECIFIED

    def drain(self) -> None:
        """End the stream after the message it is at."""
        self._draining = True
        if self._reading:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def messages(self) -> AsyncIterator[Received]:
        """Yield the stream's messages."""
        while (received := await self._next()) is not None:
            self._messages += 1
            self._bytes += received.byte_size
            yield received
            if self._is_full():
                return

    async def _next(self) -> Received | None:
        """The next message, or None where the stream ends."""
        if self._draining:
            self.close_reason = pb.CLOSE_REASON_DRAINING
            return None
        try:
            # Cheaper than a task for each message; it is only ever the reading that is interrupted.
            async with asyncio.timeout_at(self._deadline) as self._reading:
                return await anext(self._requests, None)
        except TimeoutError:
            self.close_reason = pb.CLOSE_REASON_DRAINING if self._draining else pb.CLOSE_REASON_TIME_LIMIT
            return None
        finally:
            self._reading = None

    def _is_full(self) -> bool:
        """Whether the stream has carried all that one stream may."""
        if self._messages >= limits.STREAM_MESSAGES:
            self.close_reason = pb.CLOSE_REASON_MESSAGE_LIMIT
        elif self._bytes >= limits.STREAM_BYTES:
            self.close_reason = pb.CLOSE_REASON_BYTE_LIMIT
        return bool(self.close_reason)
