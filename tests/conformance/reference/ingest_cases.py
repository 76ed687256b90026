"""Cases that record: unary, in streams, with keys, up to limits and deadlines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agenttrace.v1 import ingest_service_pb2 as pb
from conformance.reference.services import TIMEOUT_SECONDS, Services, explain, message, outcome

Case = dict[str, Any]


def record_batch(case: Case, services: Services) -> dict[str, Any]:
    """Record one batch."""
    stub = services.ingest(case["to"])
    answer = stub.RecordBatch(message(case["request"]), timeout=TIMEOUT_SECONDS, metadata=services.metadata(case))
    return outcome(answer)


def upload_steps(case: Case, services: Services) -> dict[str, Any]:
    """Upload streams, one after the other."""
    streams = []
    for told in case["streams"]:
        answer = _upload(services, case["to"], [message(one) for one in told])
        streams.append(_receipt(answer) | outcome(answer))
    return {"streams": streams}


def upload_many(case: Case, services: Services) -> dict[str, Any]:
    """Upload one message many times, over as many streams as the server makes of it."""
    left, streams, runs = case["count"], [], [0, 0, 0]
    one = message(case["message"])
    while left > 0:
        answer = _upload(services, case["to"], [one] * left)
        streams.append(_receipt(answer))
        runs = [total + more for total, more in zip(runs, outcome(answer)["counts"]["runs"], strict=True)]
        left -= answer.acknowledged_message_count
    return {"streams": streams, "runs": runs}


def deadline(case: Case, services: Services) -> dict[str, Any]:
    """Leave a stream open until its deadline; then send again what was not acknowledged."""
    one, over = message(case["message"]), threading.Event()

    def requests() -> Iterator[pb.UploadStepsRequest]:
        yield one
        over.wait(TIMEOUT_SECONDS)

    try:
        services.ingest(case["to"]).UploadSteps(requests(), timeout=case["timeout_seconds"])
        status = 0
    except grpc.RpcError as error:
        status = error.code().value[0]
    over.set()
    one.resend = True
    counts = _upload(services, case["to"], [one]).counts.runs
    return {"status": status, "stored": counts.accepted + counts.duplicate}


def error(case: Case, services: Services) -> dict[str, Any]:
    """Make a call that fails, and read its details."""
    metadata = services.metadata(case)
    if "before" in case:
        services.ingest(case["to"]).RecordBatch(message(case["before"]), timeout=TIMEOUT_SECONDS, metadata=metadata)
    request, method = message(case["request"]), case["method"]
    stub = services.ingest(case["to"]) if method in ("RecordBatch", "UploadSteps") else services.query(case["to"])
    sent = iter([request]) if method == "UploadSteps" else request
    try:
        answer = getattr(stub, method)(sent, timeout=TIMEOUT_SECONDS, metadata=metadata)
        list(answer if method.startswith("List") else ())
    except grpc.RpcError as failed:
        return explain(failed)
    return {"status": 0}


def health(case: Case, services: Services) -> dict[str, Any]:
    """Ask how services are."""
    stub = health_pb2_grpc.HealthStub(services.channel(case["to"]))
    answers = []
    for service in case["services"]:
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_SECONDS).status
            answers.append(health_pb2.HealthCheckResponse.ServingStatus.Name(status))
        except grpc.RpcError as failed:
            answers.append(failed.code().name)
    return {"answers": answers}


def _upload(services: Services, to: str, messages: list[Any]) -> Any:
    return services.ingest(to).UploadSteps(iter(messages), timeout=TIMEOUT_SECONDS)


def _receipt(answer: Any) -> dict[str, Any]:
    return {"acknowledged": answer.acknowledged_message_count, "close_reason": answer.close_reason}


CASES = {
    "record_batch": record_batch, "upload_steps": upload_steps, "upload_many": upload_many, "deadline": deadline,
    "error": error, "health": health,
}  # fmt: skip
