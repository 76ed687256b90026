"""Carries the messages of one call to the writer, a few at a time, and adds up what became of them."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agenttrace_server.ingest import convert
from agenttrace_server.ingest.convert import Batch
from agenttrace_server.ingest.receipt import Receipt
from agenttrace_server.ingest.values import Period
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.safe_requests import Received
from agenttrace_server.records import DUPLICATE, Outcome

# While one message is being committed the next ones are read; more would be memory without speed.
_MAX_IN_FLIGHT = 8


class Converter:
    """Converts messages, a slice at a time and a large one after the other.

    Between two slices the event loop serves what the database and the other streams have for it: a transaction that
    waited for its turn behind whole messages would leave the database idle.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def batch(self, message: convert.Upload, period: Period) -> Batch:
        """Return the rows of a message."""
        if convert.item_count(message) <= convert.SLICE_ITEMS:
            return convert.batch_from_message(message, period)
        async with self._turn:
            conversion = convert.converting(message, period)
            while True:
                try:
                    next(conversion)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]  # what the generator returns
                await asyncio.sleep(0)


class _InFlight(NamedTuple):
    batch: Batch
    unknown_field_count: int
    outcome: asyncio.Future[Outcome]


class Upload:
    """The messages of one call on their way. Their receipt is in the order in which they came."""

    def __init__(
        self, converter: Converter, writer: Writer, receipt: Receipt, project_id: int, retention: timedelta
    ) -> None:
        self._converter = converter
        self._writer = writer
        self._receipt = receipt
        self._project_id = project_id
        self._retention = retention
        self._in_flight: deque[_InFlight] = deque()
        self._resending = False

    async def take(self, received: Received) -> None:
        """Hand one message to the writer, after waiting for room. Raises what ended an earlier one."""
        if received.message is None:
            await self.finish()
            self._receipt.add_malformed()
            return
        await self._writer.room()
        batch = await self._converter.batch(received.message, Period.around(datetime.now(UTC), self._retention))
        merge = self._resending or received.message.resend
        outcome = self._writer.submit(self._project_id, batch, merge=merge)
        self._in_flight.append(_InFlight(batch, received.unknown_field_count, outcome))
        while len(self._in_flight) >= _MAX_IN_FLIGHT or (self._in_flight and self._in_flight[0].outcome.done()):
            await self._settle()

    async def finish(self) -> None:
        """Wait until everything taken is committed. Raises what ended one of them."""
        while self._in_flight:
            await self._settle()

    def abandon(self) -> None:
        """Stop waiting; what is being written is written."""
        for message in self._in_flight:
            message.outcome.cancel()

    async def _settle(self) -> None:
        """Wait for the earliest message and count it."""
        batch, unknown_field_count, waiting = self._in_flight.popleft()
        outcome = await waiting
        self._receipt.add(batch, outcome, unknown_field_count)
        # One that sends again what is stored does so with the rest of its messages as well.
        self._resending = self._resending or DUPLICATE in outcome.steps
