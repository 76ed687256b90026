"""Channels to the services, and the upload of batches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import grpc

import agenttrace
from agenttrace.rpc_status import error_of
from agenttrace.v1 import ingest_service_pb2 as ingest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A channel that was open at a fork belongs to the parent: the child may neither use nor close it.
_LEFT_TO_THE_PARENT: Final[list[grpc.Channel]] = []

_OPTIONS = (
    # gRPC's own retry silently replays small streams and silently does nothing for large ones.
    ("grpc.enable_retries", 0),
    # Reconnect within seconds after an outage; the default is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A channel made after a fork must not share connections with one made before.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", f"agenttrace-python/{agenttrace.__version__}"),
)


def open_channel(endpoint: str) -> grpc.Channel:
    """Open a channel to `host:port`, with or without a scheme.

    `https://` means TLS and `http://` plaintext; without a scheme loopback is plaintext and all else TLS.
    """
    scheme, _, address = endpoint.rpartition("://")
    if scheme == "http" or (not scheme and is_loopback(address)):
        return grpc.insecure_channel(address, options=_OPTIONS)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(), options=_OPTIONS)


def is_loopback(address: str) -> bool:
    """Whether the address can only be this machine."""
    return address.startswith(("127.", "localhost:", "[::1]:", "unix:")) or address == "localhost"


def authorization(api_key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries the key."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()


class GrpcSender:
    """Sends batches as one short upload stream and returns its receipt."""

    def __init__(self, endpoint: str, api_key: str) -> None:
        self._endpoint = endpoint
        self._metadata = authorization(api_key)
        self._channel: grpc.Channel | None = None
        self._pid = 0

    def __call__(
        self, messages: Sequence[ingest.UploadStepsRequest], timeout_seconds: float
    ) -> ingest.UploadStepsResponse:
        """Upload the messages; raise CallError where the call does not succeed."""
        channel = self._connected()
        try:
            return self._upload(channel, messages, timeout_seconds)
        except grpc.RpcError as error:
            raise error_of(error) from None

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
