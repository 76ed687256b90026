"""Turns a step or failure into the bytes of its row, checking every value on the way.

This is where the time of an upload goes: a step is read, checked and encoded in one pass, and what repeats from
step to step (names, models, ids of runs) is remembered with its bytes.
"""

from __future__ import annotations

from typing import Any

from agenttrace.v1 import failure_pb2, step_pb2
from agenttrace_server import copy_binary, limits
from agenttrace_server.copy_binary import NULL
from agenttrace_server.ingest import attributes, values
from agenttrace_server.ingest.enums import FAILURE_TYPE, STEP_STATUS, STEP_TYPE, TOKEN_SEMANTICS, stored
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow

_NO_MODEL = NULL * 12
_NO_TOOL = NULL * 2
_NO_RETRIEVAL = NULL * 2
_NO_ATTRIBUTES = copy_binary.jsonb("{}")
_FIRST_ATTEMPT = copy_binary.int4(1)
_MAX_KNOWN = 20_000
_tokens: dict[str, bytes] = {"": NULL}
_run_ids: dict[str, bytes] = {}


def step_row(step: step_pb2.Step, period: Period, refused: list[Refusal]) -> EncodedRow:
    """Return a step's row; attributes that are refused go to `refused`. Raises Refusal."""
    run_id = step.run_id
    run = _run_ids.get(run_id) or _learn_run_id(run_id)
    own = copy_binary.uuid(values.required_uuid(step.step_id, "STEP_ID"))
    if not (step.HasField("start_time") and step.HasField("end_time")):
        raise Refusal("REQUIRED", "END_TIME" if step.HasField("start_time") else "START_TIME")
    start = values.microseconds(step.start_time, period, "START_TIME")
    end = values.microseconds(step.end_time, period, "END_TIME")
    if end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    body = b"".join(
        (
            run,
            own,
            _uuid(step.parent_step_id, "PARENT_STEP_ID"),
            copy_binary.int4(values.number(step.sequence, "SEQUENCE", most=limits.SEQUENCE_MAX)),
            stored(step.type, STEP_TYPE, "TYPE"),
            _required_token(step.name, "NAME"),
            stored(step.status, STEP_STATUS, "STATUS"),
            _attempt(step),
            copy_binary.timestamptz(start),
            copy_binary.timestamptz(end),
            _model(step.model) if step.HasField("model") else _NO_MODEL,
            _tool(step.tool) if step.HasField("tool") else _NO_TOOL,
            _retrieval(step.retrieval) if step.HasField("retrieval") else _NO_RETRIEVAL,
            _attributes(step, refused),
        )
    )
    return EncodedRow(run[4:] + own[4:], run_id, start, body)


def failure_row(failure: failure_pb2.Failure, period: Period, _: list[Refusal]) -> EncodedRow:
    """Return a failure's row. Raises Refusal."""
    run_id = failure.run_id
    run = _run_ids.get(run_id) or _learn_run_id(run_id)
    own = copy_binary.uuid(values.required_uuid(failure.failure_id, "FAILURE_ID"))
    if failure.caused_by_failure_id == failure.failure_id:
        raise Refusal("INCONSISTENT", "CAUSED_BY_FAILURE_ID")
    if not failure.HasField("occur_time"):
        raise Refusal("REQUIRED", "OCCUR_TIME")
    time = values.microseconds(failure.occur_time, period, "OCCUR_TIME")
    body = b"".join(
        (
            run,
            own,
            _uuid(failure.step_id, "STEP_ID"),
            stored(failure.type, FAILURE_TYPE, "TYPE"),
            _required_token(failure.code, "CODE"),
            _token(failure.exception_type, "EXCEPTION_TYPE"),
            _status(failure, "http_status", least=100, most=599),
            _status(failure, "grpc_status", least=0, most=16),
            copy_binary.boolean(failure.retryable) if failure.HasField("retryable") else NULL,
            _uuid(failure.caused_by_failure_id, "CAUSED_BY_FAILURE_ID"),
            copy_binary.timestamptz(time),
        )
    )
    return EncodedRow(run[4:] + own[4:], run_id, time, body)


def _attempt(step: step_pb2.Step) -> bytes:
    """The columns attempt and retry_of_step_id."""
    first = step.retry_of_step_id
    if step.attempt <= 1 and not first and step.attempt >= 0:
        return _FIRST_ATTEMPT + NULL
    attempt = values.number(step.attempt or 1, "ATTEMPT", least=1, most=limits.ATTEMPT_MAX)
    if not first:
        raise Refusal("REQUIRED", "RETRY_OF_STEP_ID")
    encoded = _uuid(first, "RETRY_OF_STEP_ID")
    if attempt == 1 or first == step.step_id:
        raise Refusal("INCONSISTENT", "RETRY_OF_STEP_ID")
    return copy_binary.int4(attempt) + encoded


def _model(model: step_pb2.ModelCall) -> bytes:
    """The columns from provider to cost_micro_usd."""
    usage = model.usage
    semantics = usage.input_token_semantics
    return b"".join(
        (
            _token(model.provider, "PROVIDER"),
            _token(model.request_model, "REQUEST_MODEL"),
            _token(model.response_model, "RESPONSE_MODEL"),
            _count(usage, "input_tokens"),
            _count(usage, "output_tokens"),
            _count(usage, "cache_read_tokens"),
            _count(usage, "cache_write_tokens"),
            _count(usage, "reasoning_tokens"),
            stored(semantics, TOKEN_SEMANTICS, "INPUT_TOKEN_SEMANTICS") if semantics else NULL,
            _token(model.finish_reason, "FINISH_REASON"),
            _time_to_first_token(model),
            _count(model, "cost_micro_usd"),
        )
    )


def _time_to_first_token(model: step_pb2.ModelCall) -> bytes:
    if not model.HasField("time_to_first_token"):
        return NULL
    most = limits.LEASE_SECONDS_MAX
    given = model.time_to_first_token
    return copy_binary.interval(values.duration(given, "TIME_TO_FIRST_TOKEN", least_seconds=0, most_seconds=most))


def _tool(tool: step_pb2.ToolCall) -> bytes:
    return _token(tool.name, "TOOL_NAME") + _token(tool.call_id, "TOOL_CALL_ID")


def _retrieval(retrieval: step_pb2.Retrieval) -> bytes:
    return _token(retrieval.source, "RETRIEVAL_SOURCE") + _count(retrieval, "result_count")


def _attributes(step: step_pb2.Step, refused: list[Refusal]) -> bytes:
    given = step.attributes
    return copy_binary.jsonb(attributes.to_json(given, "STEP_ATTRIBUTES", refused)) if given else _NO_ATTRIBUTES


def _count(holder: Any, name: str) -> bytes:
    """An optional count."""
    return copy_binary.int8(values.number(getattr(holder, name), name.upper())) if holder.HasField(name) else NULL


def _status(failure: failure_pb2.Failure, name: str, *, least: int, most: int) -> bytes:
    if not failure.HasField(name):
        return NULL
    return copy_binary.int4(values.number(getattr(failure, name), name.upper(), least=least, most=most))


def _uuid(value: str, field: str) -> bytes:
    """An optional id."""
    return copy_binary.uuid(values.required_uuid(value, field)) if value else NULL


def _required_token(value: str, field: str) -> bytes:
    if not value:
        raise Refusal("REQUIRED", field)
    return _tokens.get(value) or _learn_token(value, field)


def _token(value: str, field: str) -> bytes:
    """An optional token."""
    return _tokens.get(value) or _learn_token(value, field)


def _learn_token(value: str, field: str) -> bytes:
    """Check a token that is not known, and remember its bytes."""
    if len(_tokens) >= _MAX_KNOWN:
        _tokens.clear()
        _tokens[""] = NULL
    _tokens[value] = encoded = copy_binary.text(values.required_token(value, field))
    return encoded


def _learn_run_id(value: str) -> bytes:
    """Check a run's id that is not known, and remember its bytes."""
    if len(_run_ids) >= _MAX_KNOWN:
        _run_ids.clear()
    _run_ids[value] = encoded = copy_binary.uuid(values.required_uuid(value, "RUN_ID"))
    return encoded
