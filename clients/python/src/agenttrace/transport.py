"""The upload of batches."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

import grpc

from agenttrace.channel import authorization, open_channel
from agenttrace.rpc_status import error_of
from agenttrace.v1 import ingest_service_pb2 as ingest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A channel that was open at a fork belongs to the parent: the child may neither use nor close it.
_LEFT_TO_THE_PARENT: Final[list[grpc.Channel]] = []


class GrpcSender:
    """Sends batches as one short upload stream and returns its receipt."""

    def __init__(self, endpoint: str, api_key: str) -> None:
        self._endpoint = endpoint
        self._metadata = authorization(api_key)
        self._channel: grpc.Channel | None = None
        self._pid = 0
        self.start_over()

    def __call__(
        self, messages: Sequence[ingest.UploadStepsRequest], timeout_seconds: float
    ) -> ingest.UploadStepsResponse:
        """Upload the messages; raise CallError where the call does not succeed."""
        with self._calling:
            channel = self._connected()
            try:
                return self._upload(channel, messages, timeout_seconds)
            except grpc.RpcError as error:
                raise error_of(error) from None

    def before_fork(self, timeout_seconds: float) -> None:
        """Wait for the end of the upload that is under way: gRPC does not work in a child that was forked in one."""
        self._paused = self._calling.acquire(timeout=timeout_seconds)

    def after_fork(self) -> None:
        """Go on in the parent."""
        if self._paused:
            self._calling.release()
        self._paused = False

    def start_over(self) -> None:
        """Begin anew in a forked child."""
        self._calling = threading.Lock()
        self._paused = False

    def close(self) -> None:
        """Close the channel. A later upload opens a new one."""
        if self._channel is not None and self._pid == os.getpid():
            self._channel.close()
            self._channel = None

    def _connected(self) -> grpc.Channel:
        if self._channel is not None and self._pid != os.getpid():
            _LEFT_TO_THE_PARENT.append(self._channel)
            self._channel = None
        if self._channel is None:
            self._channel = open_channel(self._endpoint)
            self._pid = os.getpid()
        return self._channel

    def _upload(
        self, channel: grpc.Channel, messages: Sequence[ingest.UploadStepsRequest], timeout_seconds: float
    ) -> ingest.UploadStepsResponse:
        upload: Callable[..., ingest.UploadStepsResponse] = channel.stream_unary(
            "/agenttrace.v1.IngestService/UploadSteps",
            request_serializer=ingest.UploadStepsRequest.SerializeToString,
            response_deserializer=ingest.UploadStepsResponse.FromString,
        )
        try:
            return upload(iter(messages), timeout=timeout_seconds, metadata=self._metadata)
        except RuntimeError:
            # While the interpreter shuts down (3.12 and newer) no thread can start, and gRPC starts
            # one for a stream. A unary call needs none.
            return self._record(channel, messages[0], timeout_seconds)

    def _record(
        self, channel: grpc.Channel, message: ingest.UploadStepsRequest, timeout_seconds: float
    ) -> ingest.UploadStepsResponse:
        record: Callable[..., ingest.RecordBatchResponse] = channel.unary_unary(
            "/agenttrace.v1.IngestService/RecordBatch",
            request_serializer=ingest.UploadStepsRequest.SerializeToString,  # the same fields on the wire
            response_deserializer=ingest.RecordBatchResponse.FromString,
        )
        stored = record(message, timeout=timeout_seconds, metadata=self._metadata)
        return ingest.UploadStepsResponse(
            acknowledged_message_count=1, counts=stored.counts, rejections=stored.rejections
        )
