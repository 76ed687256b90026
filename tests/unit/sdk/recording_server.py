"""An ingest and a query service on loopback that keep what they are sent and answer as told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from agenttrace.v1 import failure_pb2, ingest_service_pb2_grpc, query_service_pb2_grpc, run_pb2, step_pb2
from agenttrace.v1 import ingest_service_pb2 as ingest
from agenttrace.v1 import query_service_pb2 as query

RUN_ID = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"


def receipt(messages: list[ingest.UploadStepsRequest]) -> ingest.UploadStepsResponse:
    """Return the receipt of a server that stores everything."""
    answer = ingest.UploadStepsResponse(acknowledged_message_count=len(messages))
    for message in messages:
        answer.counts.runs.accepted += len(message.runs)
        answer.counts.steps.accepted += len(message.steps)
        answer.counts.failures.accepted += len(message.failures)
    return answer


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, reason: str, retry_seconds: int | None = None, field: str = ""
) -> None:
    """End a call with an error status and details, as our services do."""
    status = status_pb2.Status(code=code.value[0], message="refused for the test")
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=reason, domain="agenttrace", metadata={"log_id": "l-1"})
    )
    if retry_seconds is not None:
        delay = error_details_pb2.RetryInfo()
        delay.retry_delay.FromSeconds(retry_seconds)
        status.details.add().Pack(delay)
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description="INVALID_TOKEN")
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    context.abort_with_status(rpc_status.to_status(status))


class RecordingIngest(ingest_service_pb2_grpc.IngestServiceServicer):
    """Keeps every message; `before` may refuse a call."""

    def __init__(self) -> None:
        self.streams: list[list[ingest.UploadStepsRequest]] = []
        self.batches: list[ingest.RecordBatchRequest] = []
        self.metadata: dict[str, str] = {}
        self.before: Callable[[int, grpc.ServicerContext], None] = lambda number, context: None
        self._calls = itertools.count()

    def UploadSteps(self, request_iterator, context):
        self.before(next(self._calls), context)
        self.metadata = dict(context.invocation_metadata())
        messages = list(request_iterator)
        self.streams.append(messages)
        return receipt(messages)

    def RecordBatch(self, request, context):
        self.batches.append(request)
        counts = ingest.RecordCounts(steps=ingest.ItemCounts(accepted=len(request.steps)))
        return ingest.RecordBatchResponse(counts=counts)


class ScriptedQuery(query_service_pb2_grpc.QueryServiceServicer):
    """Answers from what it was given; listings break where told."""

    def __init__(self) -> None:
        self.requests: list[object] = []
        self.runs: list[run_pb2.RunSummary] = []
        self.detail = query.GetRunResponse()
        self.failures: list[failure_pb2.FailureDetail] = []
        self.steps: list[step_pb2.Step] = []
        self.stats = query.GetStatsResponse()
        self.codes: list[failure_pb2.FailureCode] = []
        self.break_after: list[int] = []  # of each call in turn: after how many chunks it breaks
        self.refusal: tuple[grpc.StatusCode, str] | None = None

    def _note(self, request, context):
        kept = type(request)()
        kept.CopyFrom(request)
        self.requests.append(kept)
        if self.refusal:
            refuse(context, *self.refusal)

    def ListRuns(self, request, context):
        self._note(request, context)
        start = int(request.page_token or 0)
        breaks = self.break_after.pop(0) if self.break_after else -1
        size = request.page_size or 2
        wanted = self.runs[: start + request.limit] if request.limit else self.runs
        for number, position in enumerate(range(start, len(wanted), size)):
            if number == breaks:
                refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")
            after = position + size
            token = str(after) if after < len(self.runs) else ""
            yield query.ListRunsResponse(runs=wanted[position:after], next_page_token=token)

    def ListSteps(self, request, context):
        self._note(request, context)
        yield query.ListStepsResponse(steps=self.steps)

    def ListFailures(self, request, context):
        self._note(request, context)
        yield query.ListFailuresResponse(failures=self.failures)

    def GetRun(self, request, context):
        self._note(request, context)
        if request.run_id != self.detail.run.run.run_id:
            refuse(context, grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND")
        return self.detail

    def GetStats(self, request, context):
        self._note(request, context)
        return self.stats

    def WatchRuns(self, request, context):
        self._note(request, context)
        position = int(request.resume_token or 0)
        if position >= len(self.runs):
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "RESUME_TOKEN_EXPIRED")
        yield query.WatchRunsResponse(runs=[self.runs[position]], resume_token=str(position + 1))
        refuse(context, grpc.StatusCode.UNAVAILABLE, "DRAINING")

    def ListFailureCodes(self, request, context):
        return query.ListFailureCodesResponse(failure_codes=self.codes)


@contextmanager
def serving(ingest_service: RecordingIngest, query_service: ScriptedQuery, port: int = 0) -> Iterator[str]:
    """Serve on loopback; yield host:port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(ingest_service, server)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(query_service, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()
