"""Serves agenttrace.v1.IngestService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server.errors import Draining, MalformedRequest
from agenttrace_server.ingest import convert
from agenttrace_server.ingest.intake import Intake
from agenttrace_server.ingest.receipt import Receipt
from agenttrace_server.ingest.values import Period
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.handlers import Context
from agenttrace_server.interceptors.safe_requests import Received
from agenttrace_server.metrics import Metrics

ProjectOf = Callable[[Context], int]


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """Takes runs, steps and failures. `retention`: items older than it are refused as TOO_OLD."""

    def __init__(self, writer: Writer, metrics: Metrics, *, project_of: ProjectOf, retention: timedelta) -> None:
        self._writer = writer
        self._metrics = metrics
        self._project_of = project_of
        self._retention = retention
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Answer every open stream with its receipt after the message it is at, and take no new call."""
        self._draining.set()

    async def UploadSteps(self, requests: AsyncIterator[Received], context: Context) -> pb.UploadStepsResponse:
        self._refuse_while_draining()
        project_id = self._project_of(context)
        receipt = Receipt(self._metrics)
        intake = Intake(requests, self._draining)
        async for received in intake.messages():
            await self._record(project_id, received, receipt)
        return pb.UploadStepsResponse(
            acknowledged_message_count=receipt.message_count,
            counts=receipt.counts,
            rejections=receipt.rejections,
            close_reason=intake.close_reason,
        )

    async def RecordBatch(self, request: Received, context: Context) -> pb.RecordBatchResponse:
        self._refuse_while_draining()
        receipt = Receipt(self._metrics)
        if request.message is None:
            raise MalformedRequest
        await self._record(self._project_of(context), request, receipt)
        return pb.RecordBatchResponse(counts=receipt.counts, rejections=receipt.rejections)

    async def _record(self, project_id: int, received: Received, receipt: Receipt) -> None:
        """Commit one message and count it."""
        if received.message is None:
            receipt.add_malformed()
            return
        batch = convert.batch_from_message(received.message, Period.around(datetime.now(UTC), self._retention))
        outcome = await self._writer.write(project_id, batch)
        receipt.add(batch, outcome, received.unknown_field_count)

    def _refuse_while_draining(self) -> None:
        if self._draining.is_set():
            raise Draining
