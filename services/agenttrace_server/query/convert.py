"""Converts requests into what the stores are asked for, and what they answer into responses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from agenttrace.v1 import query_service_pb2
from agenttrace_server import limits
from agenttrace_server.query import convert_entities, convert_filters
from agenttrace_server.query.follow import WatchEvent
from agenttrace_server.query.page_token import Listing
from agenttrace_server.query.violations import Violations
from agenttrace_server.read_records import (
    CatalogueEntry,
    FailureSelection,
    Page,
    RunDetail,
    RunFilter,
    StepPosition,
    StepSelection,
    StoredFailure,
    StoredRun,
    StoredStep,
)

# Every language's client takes 4 MiB; a little is left for what stands around the steps.
_RESPONSE_BYTES = limits.MESSAGE_BYTES - 4096
_DEFAULT_SIZE_RUNS, _DEFAULT_SIZE_STEPS, _DEFAULT_SIZE_FAILURES = 100, 200, 100
_STEPS_CALL = "ListSteps"
ListRequestT = TypeVar(
    "ListRequestT",
    query_service_pb2.ListRunsRequest,
    query_service_pb2.ListStepsRequest,
    query_service_pb2.ListFailuresRequest,
)
TokenOf = Callable[[StepPosition | None], str]
StepPage = Page[StoredStep, StepPosition]


class Paging(NamedTuple):
    """How a listing is cut. `limit` None: all of it. `selection`: the bytes that say what is listed."""

    call: str
    selection: bytes
    size: int
    limit: int | None
    token: str

    def listing(self, project_id: int) -> Listing:
        """Return what the page tokens of this listing are bound to."""
        return Listing(project_id, self.call, self.selection)


def run_id(request: query_service_pb2.GetRunRequest) -> str:
    """Return the id of the run asked for."""
    violations = Violations()
    found = violations.uuid("run_id", request.run_id)
    if found is None:
        violations.add("run_id", "is required")
    violations.check()
    return found or ""


def list_runs(request: query_service_pb2.ListRunsRequest) -> tuple[RunFilter, Paging]:
    """Return which runs, and how the listing is cut."""
    violations = Violations()
    run_filter = convert_filters.run_filter(request.filter, violations)
    paging = _paging(request, "ListRuns", (_DEFAULT_SIZE_RUNS, limits.PAGE_SIZE_RUNS), violations)
    violations.check()
    return run_filter, paging


def list_steps(request: query_service_pb2.ListStepsRequest) -> tuple[StepSelection, Paging]:
    """Return which steps, and how the listing is cut."""
    violations = Violations()
    selected = StepSelection(
        violations.uuid("run_id", request.run_id),
        convert_filters.run_filter(request.run_filter, violations, "run_filter"),
        convert_filters.step_filter(request.filter, violations),
    )
    if selected.run_id and request.run_filter.ByteSize():
        violations.add("run_filter", "must be empty beside run_id")
    paging = _paging(request, _STEPS_CALL, (_DEFAULT_SIZE_STEPS, limits.PAGE_SIZE_STEPS), violations)
    violations.check()
    return selected, paging


def list_failures(request: query_service_pb2.ListFailuresRequest) -> tuple[FailureSelection, Paging]:
    """Return which failures, and how the listing is cut."""
    violations = Violations()
    selected = FailureSelection(
        violations.uuid("run_id", request.run_id), convert_filters.failure_filter(request.filter, violations)
    )
    paging = _paging(request, "ListFailures", (_DEFAULT_SIZE_FAILURES, limits.PAGE_SIZE_FAILURES), violations)
    violations.check()
    return selected, paging


def watch_runs(request: query_service_pb2.WatchRunsRequest) -> RunFilter:
    """Return which runs."""
    violations = Violations()
    run_filter = convert_filters.run_filter(request.filter, violations)
    violations.check()
    return run_filter


def steps_listing(project_id: int, of_run: str) -> Listing:
    """Return what the page tokens of ListSteps of one run are bound to."""
    request = query_service_pb2.ListStepsRequest(run_id=of_run)
    return Listing(project_id, _STEPS_CALL, _selection(request))


def _paging(request: ListRequestT, call: str, sizes: tuple[int, int], violations: Violations) -> Paging:
    default, maximum = sizes
    return Paging(
        call,
        _selection(request),
        violations.page_size(request.page_size, default, maximum),
        violations.limit(request.limit),
        request.page_token,
    )


def _selection(request: ListRequestT) -> bytes:
    """The request without what pages it, the same bytes for the same selection."""
    selection = copy.deepcopy(request)
    for name in ("page_size", "limit", "page_token"):
        selection.ClearField(name)
    for field, value in selection.ListFields():
        # An empty filter selects what none does.
        if field.message_type is not None and not value.ByteSize():
            selection.ClearField(field.name)
    return selection.SerializeToString(deterministic=True)


def list_runs_response(rows: Sequence[StoredRun], token: str) -> query_service_pb2.ListRunsResponse:
    """Return a chunk of runs."""
    response = query_service_pb2.ListRunsResponse(next_page_token=token)
    convert_entities.fill_run_summaries(rows, response.runs)
    return response


def list_steps_responses(page: StepPage, token_of: TokenOf) -> Iterator[query_service_pb2.ListStepsResponse]:
    """Yield a chunk of steps, in more than one message where it does not fit into one."""
    response = query_service_pb2.ListStepsResponse(
        steps=map(convert_entities.step, page.rows), next_page_token=token_of(page.next)
    )
    if response.ByteSize() <= _RESPONSE_BYTES:
        yield response
        return
    for half in _halves(page):
        yield from list_steps_responses(half, token_of)


def list_failures_response(rows: Sequence[StoredFailure], token: str) -> query_service_pb2.ListFailuresResponse:
    """Return a chunk of failures."""
    return query_service_pb2.ListFailuresResponse(
        failures=map(convert_entities.failure_detail, rows), next_page_token=token
    )


def get_run_response(detail: RunDetail, token_of: TokenOf) -> query_service_pb2.GetRunResponse:
    """Return a run in detail, with as many of its first steps as fit."""
    response = query_service_pb2.GetRunResponse(
        failures=map(convert_entities.failure_detail, detail.failures),
        completeness=_completeness(detail),
        steps=map(convert_entities.step, detail.steps.rows),
    )
    convert_entities.fill_run_summary(detail.run, response.run)
    steps = detail.steps
    while response.ByteSize() > _RESPONSE_BYTES and len(steps.rows) > 1:
        steps = _halves(steps)[0]
        del response.steps[len(steps.rows) :]
    response.next_page_token = token_of(steps.next)
    return response


def _completeness(detail: RunDetail) -> query_service_pb2.RunCompleteness:
    expected = detail.run.expected_step_count
    missing = max(0, (expected or 0) - detail.run.step_count)
    ended_and_told = detail.run.end_time is not None and expected is not None
    return query_service_pb2.RunCompleteness(
        complete=ended_and_told and missing == 0 and not detail.missing_step_ids,
        expected_step_count=expected,
        missing_step_count=missing,
        missing_step_ids=map(str, detail.missing_step_ids),
    )


def _halves(page: StepPage) -> tuple[StepPage, StepPage]:
    middle = len(page.rows) // 2
    first = Page(page.rows[:middle], page.rows[middle - 1].position)
    return first, Page(page.rows[middle:], page.next)


def watch_response(event: WatchEvent, token: str) -> query_service_pb2.WatchRunsResponse:
    """Return what a watch is told."""
    reason = event.close_reason
    response = query_service_pb2.WatchRunsResponse(
        resume_token=token, close_reason=f"WATCH_CLOSE_REASON_{reason.value}" if reason else None
    )
    convert_entities.fill_run_summaries(event.runs, response.runs)
    return response


def list_failure_codes_response(
    entries: Sequence[CatalogueEntry],
) -> query_service_pb2.ListFailureCodesResponse:
    """Return the catalogue."""
    return query_service_pb2.ListFailureCodesResponse(failure_codes=map(convert_entities.failure_code, entries))
