"""Sends canaries to a running deployment over its own API, and keeps everything that comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.errors import StartupError
from agenttrace_server.privacy.canaries import Canary
from agenttrace_server.privacy.slots import Slot

_SERVICE = "/agenttrace.v1.IngestService/"
_TIMEOUT_SECONDS = 30
_TRIES = 10
_TRANSIENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
TRANSPORTS = ("unary", "stream")
Metadata = tuple[tuple[str, str], ...]


class Case(NamedTuple):
    """One text in one slot over one transport."""

    canary: Canary
    slot: Slot
    transport: str
    mark: str


class Sender:
    """Calls the ingest service of a deployment. `replies`: the text of every answer and error so far."""

    def __init__(self, channel: grpc.Channel, api_key: str) -> None:
        self._channel = channel
        self._metadata: Metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self.replies: list[str] = []

    def refused(self, cases: Sequence[Case], run_id: str) -> set[str]:
        """Send cases of one transport, each as an item of its own; return the marks of those that were refused."""
        found: set[str] = set()
        # As many as an answer lists rejections: none is only counted.
        for some in _batched(cases, limits.REJECTIONS):
            message = pb.UploadStepsRequest()
            sent: dict[tuple[str, int], str] = {}
            for case in some:
                items = getattr(message, case.slot.items)
                sent[case.slot.items, len(items)] = case.mark
                items.append(case.slot.item_with(case.canary.text(case.mark), run_id))
            answer = self.upload(message, case.transport)
            found |= {mark for place, mark in sent.items() if place in set(map(_place, answer.rejections))}
        return found

    def upload(self, message: Message, transport: str) -> Any:
        """Send one message; return the answer."""
        raw = message.SerializeToString()
        answer = self.send_raw(raw, transport)
        if isinstance(answer, grpc.RpcError):
            raise StartupError(
                f"the deployment answers {answer.code().name}: is the endpoint its ingest service's, "
                "and has the key the scope ingest?"
            )
        return answer

    def send_raw(self, raw: bytes, transport: str, *, method: str = "", metadata: Metadata = ()) -> Any:
        """Send bytes as one message, and again while the deployment has no room; return the answer or the error."""
        for attempt in range(_TRIES):
            try:
                answer = self._call(raw, transport, method, (*self._metadata, *metadata))
            except grpc.RpcError as error:
                self.replies += [str(error.code()), str(error.details()), repr(error.trailing_metadata())]
                if error.code() not in _TRANSIENT or method:
                    return error
                time.sleep(min(0.1 * 2**attempt, 5))
                continue
            self.replies.append(str(answer))
            return answer
        raise StartupError("the deployment has no room, or nobody answers at the endpoint")

    def _call(self, raw: bytes, transport: str, method: str, metadata: Metadata) -> Any:
        if transport == "unary":
            unary = self._channel.unary_unary(
                _SERVICE + (method or "RecordBatch"),
                request_serializer=bytes,
                response_deserializer=pb.RecordBatchResponse.FromString,
            )
            return unary(raw, timeout=_TIMEOUT_SECONDS, metadata=metadata)
        stream = self._channel.stream_unary(
            _SERVICE + (method or "UploadSteps"),
            request_serializer=bytes,
            response_deserializer=pb.UploadStepsResponse.FromString,
        )
        return stream(iter([raw]), timeout=_TIMEOUT_SECONDS, metadata=metadata)


def _place(rejection: pb.Rejection) -> tuple[str, int]:
    """The list of the upload and the index in it that a rejection is about."""
    if rejection.kind == pb.ITEM_KIND_ATTRIBUTE:
        is_run = rejection.field == pb.REJECTION_FIELD_RUN_ATTRIBUTES
        return "runs" if is_run else "steps", rejection.item_index
    kinds = {pb.ITEM_KIND_RUN: "runs", pb.ITEM_KIND_STEP: "steps", pb.ITEM_KIND_FAILURE: "failures"}
    return kinds.get(rejection.kind, ""), rejection.item_index


def _batched(cases: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    return (cases[at : at + size] for at in range(0, len(cases), size))
