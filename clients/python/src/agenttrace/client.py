"""The read client: runs, steps, failures and statistics from the query service."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import grpc

from agenttrace.errors import CallError
from agenttrace.filters import (
    FailureFilters,
    RunFilters,
    StepFilters,
    failure_filter,
    member,
    run_filter,
    span,
    step_filter,
)
from agenttrace.ids import uuid_number
from agenttrace.listing import Listing, Resumption
from agenttrace.rpc_status import error_of
from agenttrace.transport import authorization, open_channel
from agenttrace.v1 import query_service_pb2 as query

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from google.protobuf.message import Message

    from agenttrace.v1.failure_pb2 import FailureCode, FailureDetail
    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace.v1.step_pb2 import Step

DEFAULT_ENDPOINT = "127.0.0.1:50052"

_RECONNECT_SECONDS = 0.1
_SERVICE = "/agenttrace.v1.QueryService/"
Answer = TypeVar("Answer", bound="Message")


class QueryClient:
    """Reads from the query service. Results are the messages of the contract.

    Every call may raise a CallError; see agenttrace.errors.

    Args:
        endpoint: The query service as `host:port`; AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052.
        api_key: The key; AGENTTRACE_API_KEY, else none.
        timeout_seconds: How long a call that is no listing may take.
    """

    def __init__(
        self, endpoint: str | None = None, api_key: str | None = None, *, timeout_seconds: float = 30.0
    ) -> None:
        self.endpoint = endpoint or os.environ.get("AGENTTRACE_QUERY_ENDPOINT") or DEFAULT_ENDPOINT
        self._metadata = authorization(os.environ.get("AGENTTRACE_API_KEY", "") if api_key is None else api_key)
        self._timeout_seconds = timeout_seconds
        self._channel = open_channel(self.endpoint)

    def runs(self, *, limit: int = 0, page_size: int = 0, **filters: Unpack[RunFilters]) -> Iterator[RunSummary]:
        """Iterate over runs, newest start first; a listing that breaks goes on where it was.

        Args:
            limit: The most runs; 0 means all.
            page_size: The most runs the server sends at once, up to 200; 0 leaves it to the server.
            filters: Which runs; see RunFilters.
        """
        request = query.ListRunsRequest(filter=run_filter(filters), limit=limit, page_size=page_size)
        return self._listing("ListRuns", Listing(request, "runs"), query.ListRunsResponse)

    def run(self, run_id: str) -> query.GetRunResponse:
        """Return a run with its failures, its completeness and its first 1,000 steps.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The id is no UUID.
        """
        uuid_number("run_id", run_id)
        return self._call("GetRun", query.GetRunRequest(run_id=run_id), query.GetRunResponse)

    def steps(
        self,
        run_id: str = "",
        *,
        runs: RunFilters | None = None,
        limit: int = 0,
        page_token: str = "",
        **filters: Unpack[StepFilters],
    ) -> Iterator[Step]:
        """Iterate over the steps of a run in their order, or over those of many, newest run first.

        Args:
            run_id: The run; none means across runs.
            runs: Of which runs; not together with run_id.
            limit: The most steps; 0 means all.
            page_token: Where to go on, such as the next_page_token of `run()`.
            filters: Which steps; see StepFilters.
        """
        request = query.ListStepsRequest(
            run_id=run_id,
            filter=step_filter(filters) if filters else None,
            run_filter=run_filter(runs) if runs else None,
            limit=limit,
            page_token=page_token,
        )
        return self._listing("ListSteps", Listing(request, "steps"), query.ListStepsResponse)

    def failures(
        self, run_id: str = "", *, limit: int = 0, page_size: int = 0, **filters: Unpack[FailureFilters]
    ) -> Iterator[FailureDetail]:
        """Iterate over failures, latest first, of one run or of all; see FailureFilters."""
        request = query.ListFailuresRequest(
            run_id=run_id, filter=failure_filter(filters), limit=limit, page_size=page_size
        )
        return self._listing("ListFailures", Listing(request, "failures"), query.ListFailuresResponse)

    def stats(
        self, *, group_by: str = "", bucket: dt.timedelta | None = None, **filters: Unpack[RunFilters]
    ) -> query.GetStatsResponse:
        """Return totals, rates, percentiles and breakdowns; of the last 24 hours unless `since` says more.

        Args:
            group_by: "agent", "agent_version", "environment", "step_type", "model" or "tool".
            bucket: The width of time buckets; none without.
            filters: Which runs; see RunFilters.
        """
        request = query.GetStatsRequest(filter=run_filter(filters), bucket_duration=span(bucket))
        if group_by:
            request.group_by = member("group_by", query.StatsDimension, "STATS_DIMENSION_", group_by)
        return self._call("GetStats", request, query.GetStatsResponse)

    def watch(self, *, resume_token: str = "", **filters: Unpack[RunFilters]) -> Iterator[RunSummary]:
        """Iterate over runs as they start, progress and end, without end; each change at least once.

        A watch that breaks goes on where it was.

        Raises:
            PreconditionError: What changed since is no longer kept: list, then watch anew.
        """
        request = query.WatchRunsRequest(filter=run_filter(filters), resume_token=resume_token)
        resumption = Resumption()
        while True:
            try:
                for event in self._stream("WatchRuns", request, query.WatchRunsResponse):
                    resumption.progressed()
                    yield from event.runs
                    request.resume_token = event.resume_token or request.resume_token
            except CallError as error:
                time.sleep(resumption.delay_seconds(error))
            else:
                time.sleep(_RECONNECT_SECONDS)  # told to come back: the server drains, or we read too slowly

    def failure_codes(self) -> list[FailureCode]:
        """Return the operator's catalogue: what a person reads beside the code of a failure."""
        answer = self._call("ListFailureCodes", query.ListFailureCodesRequest(), query.ListFailureCodesResponse)
        return list(answer.failure_codes)

    def close(self) -> None:
        """Close the connection. Closing again does nothing."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listing(self, method: str, listing: Listing, answer: type[Any]) -> Iterator[Any]:
        resumption = Resumption()
        while not listing.over:
            try:
                for chunk in self._stream(method, listing.request, answer):
                    resumption.progressed()
                    yield from listing.take(chunk)
            except CallError as error:
                time.sleep(resumption.delay_seconds(error))
            else:
                return

    def _call(self, method: str, request: Message, answer: type[Answer]) -> Answer:
        call: Callable[..., Answer] = self._channel.unary_unary(
            _SERVICE + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            return call(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from None

    def _stream(self, method: str, request: Message, answer: type[Answer]) -> Iterator[Answer]:
        call: Callable[..., Any] = self._channel.unary_stream(
            _SERVICE + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        stream = call(request, metadata=self._metadata)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise error_of(error) from None
        finally:
            stream.cancel()
