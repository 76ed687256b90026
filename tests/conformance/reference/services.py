"""Channels and stubs of the services that a case names, and what their answers say in the plan's words."""

from __future__ import annotations

import base64
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agenttrace.v1 import ingest_service_pb2_grpc, query_service_pb2_grpc
from conformance.plans import message_class

TIMEOUT_SECONDS = 30


class Services:
    """The services of the endpoints file."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self._endpoints = endpoints
        self._channels: dict[str, grpc.Channel] = {}

    def channel(self, name: str) -> grpc.Channel:
        """Return the channel of a service, opened once."""
        if name not in self._channels:
            self._channels[name] = grpc.insecure_channel(self._endpoints[name])
        return self._channels[name]

    def ingest(self, name: str) -> ingest_service_pb2_grpc.IngestServiceStub:
        """Return a stub to record."""
        return ingest_service_pb2_grpc.IngestServiceStub(self.channel(name))

    def query(self, name: str) -> query_service_pb2_grpc.QueryServiceStub:
        """Return a stub to read."""
        return query_service_pb2_grpc.QueryServiceStub(self.channel(name))

    def metadata(self, case: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the metadata with the key that a case names."""
        return [("authorization", f"Bearer {self._endpoints['keys'][case['key']]}")] if "key" in case else []


def message(told: dict[str, str]) -> Any:
    """Return a message of the plan."""
    return message_class(told["type"]).FromString(base64.b64decode(told["bytes"]))


def outcome(answer: Any) -> dict[str, Any]:
    """Return the counts and rejections of a receipt."""
    counts = answer.counts
    kinds = {"runs": counts.runs, "steps": counts.steps, "failures": counts.failures}
    return {
        "counts": {
            **{name: [kind.accepted, kind.duplicate, kind.rejected] for name, kind in kinds.items()},
            "rejected_attributes": counts.rejected_attribute_count,
            "rejected_messages": counts.rejected_message_count,
            "unknown_fields": counts.unknown_field_count,
        },
        "rejections": [[r.message_index, r.kind, r.item_index, r.reason, r.field] for r in answer.rejections],
    }


def explain(error: Any) -> dict[str, Any]:
    """Return what the details of a failed call say."""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    status: Any = rpc_status.from_call(error)
    for detail in status.details if status else ():
        _ = detail.Unpack(info) or detail.Unpack(bad) or detail.Unpack(retry)
    return {
        "status": error.code().value[0],
        "reason": info.reason,
        "domain": info.domain,
        "metadata": dict(info.metadata),
        "violations": [violation.field for violation in bad.field_violations],
        "has_retry_delay": retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 > 0,
    }
