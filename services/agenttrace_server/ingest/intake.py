"""Reads an upload stream up to the limits of one stream, no faster than its key may send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.errors import RateLimited
from agenttrace_server.interceptors.safe_requests import Received
from agenttrace_server.rate_limits import Rate


class Intake:
    """The messages of one stream, until the client ends it or the server must (`close_reason` says why)."""

    def __init__(self, requests: AsyncIterator[Received], rate: Rate) -> None:
        self._requests = requests
        self._rate = rate
        self._messages = 0
        self._bytes = 0
        self._reader: asyncio.Task[object] | None = None  # while it waits for a message
        self._interrupted = False
        self.close_reason: pb.CloseReason = pb.CLOSE_REASON_UNSPECIFIED

    def drain(self) -> None:
        """End the stream after the message it is at."""
        self._interrupt(pb.CLOSE_REASON_DRAINING)

    async def messages(self) -> AsyncIterator[Received]:
        """Yield the stream's messages. Raises RateLimited where not even the first may be taken."""
        # One timer for the stream: a timeout around each read costs more than small messages do.
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limits.STREAM_SECONDS, self._interrupt, pb.CLOSE_REASON_TIME_LIMIT)
        try:
            while not self.close_reason and (received := await self._read()) is not None:
                if not await self._may_take():
                    return
                self._messages += 1
                self._bytes += received.byte_size
                yield received
                self._close_if_full()
        finally:
            timer.cancel()

    async def _read(self) -> Received | None:
        """The next message, or None where the client or an interruption ends the stream."""
        self._reader = task = asyncio.current_task()
        try:
            return await anext(self._requests, None)
        except asyncio.CancelledError:
            # The call itself may be cancelled at the same time: then that is what counts.
            if task is None or not self._interrupted or task.uncancel():
                raise
            return None
        finally:
            self._reader = None

    async def _may_take(self) -> bool:
        """Wait while the key is a little ahead of its rate; where it is far ahead, end the stream."""
        try:
            await self._rate.room()
        except RateLimited:
            # An error acknowledges nothing: what was taken is answered, and the next call refused.
            if not self._messages:
                raise
            self.close_reason = pb.CLOSE_REASON_RATE_LIMIT
            return False
        return True

    def _interrupt(self, reason: pb.CloseReason) -> None:
        self.close_reason = self.close_reason or reason
        if self._reader and not self._interrupted:
            self._interrupted = True
            self._reader.cancel()

    def _close_if_full(self) -> None:
        """Note whether the stream has carried all that one stream may."""
        if self._messages >= limits.STREAM_MESSAGES:
            self.close_reason = self.close_reason or pb.CLOSE_REASON_MESSAGE_LIMIT
        elif self._bytes >= limits.STREAM_BYTES:
            self.close_reason = self.close_reason or pb.CLOSE_REASON_BYTE_LIMIT
