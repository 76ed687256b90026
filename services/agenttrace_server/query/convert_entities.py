"""Converts stored runs, steps and failures into messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server.query.convert_fields import Enum, duration_to_message, fill_time, time_to_message
from agenttrace_server.query.convert_filters import FAILURE_TYPE, RUN_STATUS, STEP_STATUS, STEP_TYPE
from agenttrace_server.read_records import CatalogueEntry, Scalar, StoredFailure, StoredRun, StoredStep

_TOKEN_SEMANTICS = Enum(step_pb2.InputTokenSemantics, "INPUT_TOKEN_SEMANTICS_")
_INT64 = range(-(2**63), 2**63)


class RunSummaries(Protocol):
    """A message's repeated field of runs."""

    def add(self) -> run_pb2.RunSummary:
        """Append an empty message and return it."""


def fill_run_summaries(rows: Iterable[StoredRun], summaries: RunSummaries) -> None:
    """Add runs with their counts. In place, for a listing has many and a message made beside it is copied into it."""
    for row in rows:
        fill_run_summary(row, summaries.add())


def fill_run_summary(row: StoredRun, summary: run_pb2.RunSummary) -> None:
    """Tell a run with its counts in an empty message."""
    _fill_run(row, summary.run)
    summary.step_count = row.step_count
    summary.failed_step_count = row.failed_step_count
    summary.retry_count = row.retry_count
    summary.failure_count = row.failure_count
    if row.failure_count:
        summary.failure_types.extend(FAILURE_TYPE.number(name) for name in row.failure_types)
        summary.failure_codes.extend(row.failure_codes)
    summary.input_tokens = row.input_tokens
    summary.output_tokens = row.output_tokens
    summary.cache_read_tokens = row.cache_read_tokens
    summary.cache_write_tokens = row.cache_write_tokens
    summary.reasoning_tokens = row.reasoning_tokens
    summary.cost_micro_usd = row.cost_micro_usd
    fill_time(row.create_time, summary.create_time)
    fill_time(row.update_time, summary.update_time)


def _fill_run(row: StoredRun, run: run_pb2.Run) -> None:
    run.run_id = str(row.run_id)
    run.agent_id = row.agent_id or ""
    run.agent_version = row.agent_version or ""
    run.environment = row.environment
    run.status = RUN_STATUS.number(row.status)
    fill_time(row.start_time, run.start_time)
    if row.end_time:
        fill_time(row.end_time, run.end_time)
    if row.heartbeat_time:
        fill_time(row.heartbeat_time, run.heartbeat_time)
    if (lease := duration_to_message(row.lease_duration)) is not None:
        run.lease_duration.CopyFrom(lease)
    run.session_id = row.session_id or ""
    run.user_key = row.user_key or ""
    run.parent_run_id = _uuid(row.parent_run_id)
    if row.tags:
        run.tags.extend(row.tags)
    for key, value in row.attributes.items():
        run.attributes[key].CopyFrom(_attribute(value))
    if row.expected_step_count is not None:
        run.expected_step_count = row.expected_step_count


def step(row: StoredStep) -> step_pb2.Step:
    """Return a step."""
    return step_pb2.Step(
        run_id=str(row.run_id),
        step_id=str(row.step_id),
        parent_step_id=_uuid(row.parent_step_id),
        sequence=row.sequence,
        type=STEP_TYPE.number(row.type),
        name=row.name,
        status=STEP_STATUS.number(row.status),
        attempt=row.attempt,
        retry_of_step_id=_uuid(row.retry_of_step_id),
        start_time=time_to_message(row.start_time),
        end_time=time_to_message(row.end_time),
        model=_model(row),
        tool=_tool(row),
        retrieval=_retrieval(row),
        attributes=_attributes(row.attributes),
    )


def _model(row: StoredStep) -> step_pb2.ModelCall | None:
    """The call of a model; None where nothing of one is stored."""
    call = step_pb2.ModelCall(
        provider=row.provider or "",
        request_model=row.request_model or "",
        response_model=row.response_model or "",
        usage=_usage(row),
        finish_reason=row.finish_reason or "",
        time_to_first_token=duration_to_message(row.time_to_first_token),
        cost_micro_usd=row.cost_micro_usd,
    )
    return call if call.ByteSize() else None


def _usage(row: StoredStep) -> step_pb2.Usage | None:
    usage = step_pb2.Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        input_token_semantics=_TOKEN_SEMANTICS.number(row.input_token_semantics),
    )
    return usage if usage.ByteSize() else None


def _tool(row: StoredStep) -> step_pb2.ToolCall | None:
    call = step_pb2.ToolCall(name=row.tool_name or "", call_id=row.tool_call_id or "")
    return call if call.ByteSize() else None


def _retrieval(row: StoredStep) -> step_pb2.Retrieval | None:
    retrieval = step_pb2.Retrieval(source=row.retrieval_source or "", result_count=row.result_count)
    return retrieval if retrieval.ByteSize() else None


def failure_detail(row: StoredFailure) -> failure_pb2.FailureDetail:
    """Return a failure with what is derived from its run."""
    return failure_pb2.FailureDetail(
        failure=_failure(row),
        recovered=row.recovered,
        root=row.root,
        agent_id=row.agent_id or "",
        agent_version=row.agent_version or "",
        environment=row.environment,
        step_name=row.step_name or "",
        attempt=row.attempt or 0,
    )


def _failure(row: StoredFailure) -> failure_pb2.Failure:
    return failure_pb2.Failure(
        failure_id=str(row.failure_id),
        run_id=str(row.run_id),
        step_id=_uuid(row.step_id),
        type=FAILURE_TYPE.number(row.type),
        code=row.code,
        exception_type=row.exception_type or "",
        http_status=row.http_status,
        grpc_status=row.grpc_status,
        retryable=row.retryable,  # type: ignore[arg-type]  # the generated types forget that None is absent
        caused_by_failure_id=_uuid(row.caused_by_failure_id),
        occur_time=time_to_message(row.occur_time),
    )


def failure_code(row: CatalogueEntry) -> failure_pb2.FailureCode:
    """Return an entry of the catalogue."""
    return failure_pb2.FailureCode(
        type=FAILURE_TYPE.number(row.type), code=row.code, title=row.title, remedy=row.remedy
    )


def _attributes(stored: Mapping[str, Scalar]) -> dict[str, run_pb2.AttributeValue]:
    return {key: _attribute(value) for key, value in stored.items()}


def _attribute(value: Scalar) -> run_pb2.AttributeValue:
    """One value; the writer stores whole numbers without a point and all others with one."""
    if isinstance(value, str):
        return run_pb2.AttributeValue(string_value=value)
    if isinstance(value, bool):
        return run_pb2.AttributeValue(bool_value=value)
    if isinstance(value, int) and value in _INT64:
        return run_pb2.AttributeValue(int_value=value)
    return run_pb2.AttributeValue(double_value=float(value))


def _uuid(value: UUID | None) -> str:
    return "" if value is None else str(value)
