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
        self._reader: asyncio.Task[object] | None = None  # while it waits for a message
        self._interrupted = False
        self.close_reason: pb.CloseReason = pb.CLOSE_REASON_UNSPECIFIED

    def drain(self) -> None:
        """End the stream after the message it is at."""
        self._interrupt(pb.CLOSE_REASON_DRAINING)

    async def messages(self) -> AsyncIterator[Received]:
        """Yield the stream's messages."""
        # One timer for the stream: a timeout around each read costs more than small messages do.
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limits.STREAM_SECONDS, self._interrupt, pb.CLOSE_REASON_TIME_LIMIT)
        try:
            while not self.close_reason and (received := await self._read()) is not None:
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
