"""What the health service of a process says, asked and watched."""

from __future__ import annotations

import threading
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from faults.courier import channel_to

INGEST, QUERY = "agenttrace.v1.IngestService", "agenttrace.v1.QueryService"


def status(address: str, service: str) -> str:
    """What Check says now; the status of the call where it fails."""
    with channel_to(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=5
            )
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


class HealthWatch:
    """What Watch has told so far, the latest last."""

    def __init__(self, address: str, service: str) -> None:
        self.statuses: list[str] = []
        self._channel = channel_to(address)
        request = health_pb2.HealthCheckRequest(service=service)
        self._call: Any = health_pb2_grpc.HealthStub(self._channel).Watch(request)
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> HealthWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._call.cancel()
        self._thread.join()
        self._channel.close()

    @property
    def now(self) -> str:
        return self.statuses[-1] if self.statuses else ""

    def _read(self) -> None:
        try:
            for answer in self._call:
                self.statuses.append(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
        except grpc.RpcError:
            pass
