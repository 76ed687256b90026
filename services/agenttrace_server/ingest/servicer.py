"""Serves agenttrace.v1.IngestService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server.errors import Draining, MalformedRequest
from agenttrace_server.ingest.intake import Intake
from agenttrace_server.ingest.receipt import Receipt
from agenttrace_server.ingest.upload import Sender, Turns, Upload
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.handlers import Context
from agenttrace_server.interceptors.safe_requests import Received
from agenttrace_server.metrics import IngestMetrics

SenderOf = Callable[[Context], Sender]


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """Takes runs, steps and failures. `retention`: items older than it are refused as TOO_OLD."""

    def __init__(self, writer: Writer, metrics: IngestMetrics, *, sender_of: SenderOf, retention: timedelta) -> None:
        self._turns = Turns()
        self._writer = writer
        self._metrics = metrics
        self._sender_of = sender_of
        self._retention = retention
        self._draining = False
        self._open: set[Intake] = set()

    def drain(self) -> None:
        """Answer every open stream with its receipt after the message it is at, and take no new call."""
        self._draining = True
        for intake in self._open:
            intake.drain()

    async def UploadSteps(self, requests: AsyncIterator[Received], context: Context) -> pb.UploadStepsResponse:
        self._refuse_new_calls()
        receipt = Receipt()
        sender = self._sender_of(context)
        intake = Intake(requests, sender.rate)
        with self._uploading(receipt, sender) as upload, self._listed(intake):
            async for received in intake.messages():
                await upload.take(received)
            await upload.finish()
        return pb.UploadStepsResponse(
            acknowledged_message_count=receipt.message_count,
            counts=receipt.counts,
            rejections=receipt.rejections,
            close_reason=intake.close_reason,
        )

    async def RecordBatch(self, request: Received, context: Context) -> pb.RecordBatchResponse:
        self._refuse_new_calls()
        receipt = Receipt()
        sender = self._sender_of(context)
        await sender.rate.room()
        with self._uploading(receipt, sender) as upload:
            await upload.take(request)
            await upload.finish()
        if receipt.malformed_count:
            raise MalformedRequest
        return pb.RecordBatchResponse(counts=receipt.counts, rejections=receipt.rejections)

    @contextmanager
    def _uploading(self, receipt: Receipt, sender: Sender) -> Iterator[Upload]:
        """An upload that leaves nobody waiting, however the call ends."""
        upload = Upload(self._turns, self._writer, receipt, sender, self._metrics, self._retention)
        try:
            yield upload
        finally:
            upload.abandon()

    @contextmanager
    def _listed(self, intake: Intake) -> Iterator[None]:
        """Among the open streams, for `drain` to find."""
        self._open.add(intake)
        try:
            yield
        finally:
            self._open.discard(intake)

    def _refuse_new_calls(self) -> None:
        if self._draining:
            raise Draining
        self._writer.refuse_if_full()
