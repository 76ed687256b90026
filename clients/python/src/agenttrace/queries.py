"""What the readers ask: arguments to calls of the query service, the same for both clients."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
from agenttrace.listing import Call, Cursor
from agenttrace.v1 import query_service_pb2 as query
from agenttrace.watching import WatchProgress

if TYPE_CHECKING:
    import datetime as dt

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace.v1.step_pb2 import Step

DEFAULT_ENDPOINT = "127.0.0.1:50052"
SERVICE = "agenttrace.v1.QueryService"


def endpoint_of(told: str | None) -> str:
    """Return the query service: as told, AGENTTRACE_QUERY_ENDPOINT, or on this machine."""
    return told or os.environ.get("AGENTTRACE_QUERY_ENDPOINT") or DEFAULT_ENDPOINT


def key_of(told: str | None) -> str:
    """Return the key: as told, or AGENTTRACE_API_KEY; empty for none."""
    return os.environ.get("AGENTTRACE_API_KEY", "") if told is None else told


def runs(filters: RunFilters, limit: int, page_size: int, page_token: str) -> Cursor[RunSummary]:
    """Return the listing of runs."""
    request = query.ListRunsRequest(filter=run_filter(filters), limit=limit, page_size=page_size, page_token=page_token)
    return Cursor("ListRuns", request, query.ListRunsResponse, "runs")


def steps(
    run_id: str, filters: StepFilters, of_runs: RunFilters | None, limit: int, page_size: int, page_token: str
) -> Cursor[Step]:
    """Return the listing of steps."""
    request = query.ListStepsRequest(
        run_id=run_id,
        filter=step_filter(filters) if filters else None,
        run_filter=run_filter(of_runs) if of_runs else None,
        limit=limit,
        page_size=page_size,
        page_token=page_token,
    )
    return Cursor("ListSteps", request, query.ListStepsResponse, "steps")


def failures(
    run_id: str, filters: FailureFilters, limit: int, page_size: int, page_token: str
) -> Cursor[FailureDetail]:
    """Return the listing of failures."""
    request = query.ListFailuresRequest(
        run_id=run_id, filter=failure_filter(filters), limit=limit, page_size=page_size, page_token=page_token
    )
    return Cursor("ListFailures", request, query.ListFailuresResponse, "failures")


def run(run_id: str) -> Call[query.GetRunResponse]:
    """Return the call for one run."""
    uuid_number("run_id", run_id)
    return Call("GetRun", query.GetRunRequest(run_id=run_id), query.GetRunResponse)


def other_steps(detail: query.GetRunResponse) -> Cursor[Step] | None:
    """Return the listing of those steps of a run that its answer had no room for; None where it has all."""
    if not detail.next_page_token:
        return None
    return steps(detail.run.run.run_id, {}, None, 0, 0, detail.next_page_token)


def all_failures(detail: query.GetRunResponse) -> Cursor[FailureDetail] | None:
    """Return the listing of a run's failures, latest first, if its answer had no room for all; else None."""
    if detail.run.failure_count <= len(detail.failures):
        return None
    return failures(detail.run.run.run_id, {}, 0, 0, "")


def complete(detail: query.GetRunResponse, more_steps: list[Step], every_failure: list[FailureDetail]) -> None:
    """Put into a run's answer what it had no room for."""
    detail.steps.extend(more_steps)
    detail.next_page_token = ""
    if len(every_failure) > len(detail.failures):
        del detail.failures[:]
        detail.failures.extend(reversed(every_failure))


def stats(filters: RunFilters, group_by: str, bucket: dt.timedelta | None) -> Call[query.GetStatsResponse]:
    """Return the call for statistics."""
    request = query.GetStatsRequest(filter=run_filter(filters), bucket_duration=span(bucket))
    if group_by:
        request.group_by = member("group_by", query.StatsDimension, "STATS_DIMENSION_", group_by)
    return Call("GetStats", request, query.GetStatsResponse)


def watch(filters: RunFilters, resume_token: str) -> WatchProgress:
    """Return a watch of runs."""
    return WatchProgress(query.WatchRunsRequest(filter=run_filter(filters), resume_token=resume_token))


def failure_codes() -> Call[query.ListFailureCodesResponse]:
    """Return the call for the operator's catalogue."""
    return Call("ListFailureCodes", query.ListFailureCodesRequest(), query.ListFailureCodesResponse)
