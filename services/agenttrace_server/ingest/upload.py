"""Carries the messages of one call to the writer, a few at a time, and adds up what became of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server.ingest import convert
from agenttrace_server.ingest.convert import Batch, Encoder
from agenttrace_server.ingest.receipt import Receipt
from agenttrace_server.ingest.registry import Registry
from agenttrace_server.ingest.values import Period
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors import call_run
from agenttrace_server.interceptors.safe_requests import Received, Request
from agenttrace_server.metrics import IngestMetrics
from agenttrace_server.rate_limits import Rate
from agenttrace_server.records import DUPLICATE, Outcome

# While one message is being committed the next ones are read; more would be memory without speed.
_MAX_IN_FLIGHT = 16
# About what one slice of the conversion takes: such a message does not keep anybody waiting.
_SMALL_BYTES = 16 * 1024

_KINDS: Final[Mapping[int, str]] = {
    pb.ITEM_KIND_RUN: "run",
    pb.ITEM_KIND_STEP: "step",
    pb.ITEM_KIND_FAILURE: "failure",
    pb.ITEM_KIND_ATTRIBUTE: "attribute",
    pb.ITEM_KIND_MESSAGE: "message",
}


class Turns:
    """Lets large messages in one after the other: what they become takes several times their bytes."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    def of(self, received: Received) -> AbstractAsyncContextManager[Any]:
        """Wait for the turn of a message."""
        return nullcontext() if received.byte_size <= _SMALL_BYTES else self._turn


class _InFlight(NamedTuple):
    batch: Batch
    unknown_field_count: int
    outcome: asyncio.Future[Outcome]


class Sender(NamedTuple):
    """Whose messages they are."""

    project_id: int
    rate: Rate
    registry: Registry


class Upload:
    """The messages of one call on their way. Their receipt is in the order in which they came."""

    def __init__(
        self,
        turns: Turns,
        writer: Writer,
        receipt: Receipt,
        sender: Sender,
        metrics: IngestMetrics,
        retention: timedelta,
    ) -> None:
        self._turns = turns
        self._metrics = metrics
        self._writer = writer
        self._receipt = receipt
        self._sender = sender
        self._retention = retention
        self._in_flight: deque[_InFlight] = deque()
        self._resending = False

    async def take(self, received: Received) -> None:
        """Hand one message to the writer, after waiting for room. Raises what ended an earlier one."""
        self._metrics.payload_bytes.observe(received.byte_size)
        self._sender.rate.charge_bytes(received.byte_size)
        async with self._turns.of(received):
            await self._writer.room()
            request = received.parse()
            if request is not None:
                await self._submit(request)
        if request is None:
            await self._take_malformed()
        while len(self._in_flight) >= _MAX_IN_FLIGHT or (self._in_flight and self._in_flight[0].outcome.done()):
            await self._settle()

    async def _take_malformed(self) -> None:
        """Count it in its turn."""
        self._metrics.count_refused("message", "MALFORMED_MESSAGE")
        await self.finish()
        self._receipt.add_malformed()

    async def _submit(self, request: Request) -> None:
        self._sender.rate.charge_items(convert.item_count(request.message))
        encoder = await self._sender.registry.encoder(self._sender.project_id)
        batch = await _convert(request.message, Period.around(datetime.now(UTC), self._retention), encoder)
        self._count(request, batch)
        merge = self._resending or request.message.resend
        outcome = self._writer.submit(self._sender.project_id, batch, merge=merge)
        self._in_flight.append(_InFlight(batch, request.unknown_field_count, outcome))

    def _count(self, request: Request, batch: Batch) -> None:
        """Count what does not come to the writer, and say which run the call is about."""
        for refused in batch.refused:
            self._metrics.count_refused(_KINDS[refused.kind], refused.reason)
        if request.unknown_field_count:
            self._metrics.unknown_fields.inc(request.unknown_field_count)
        for items in (batch.runs, batch.steps, batch.failures):
            if items.rows:
                call_run.tell(items.rows[0].run_id)

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


async def _convert(message: convert.Upload, period: Period, encoder: Encoder) -> Batch:
    """Convert a message in slices.

    Between two the event loop serves what the database and the other streams have for it: a transaction that waited
    for its turn behind whole messages would leave the database idle.
    """
    conversion = convert.converting(message, period, encoder)
    while True:
        try:
            next(conversion)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what the generator returns
        await asyncio.sleep(0)
