"""Turns an item into the bytes of its row, checking every value on the way.

This is where the time of an upload goes: an item is read, checked and encoded in one pass, and what repeats from
item to item (names, models, ids of runs) is remembered with its bytes. A look into a dictionary stands where it is
needed, for calling a function costs as much again; functions are for what is rare.
"""

from __future__ import annotations

import struct
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server import copy_binary, limits
from agenttrace_server.copy_binary import NULL
from agenttrace_server.ingest import attributes, values
from agenttrace_server.ingest.enums import FAILURE_TYPE, RUN_STATUS, STEP_STATUS, STEP_TYPE, TOKEN_SEMANTICS, stored
from agenttrace_server.ingest.names import ANY_NUMBER, Names
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow, ModelUse, RunMessage

_NO_MODEL = NULL * 12
_NO_TOOL = NULL * 2
_NO_RETRIEVAL = NULL * 2
_NO_ATTRIBUTES = copy_binary.jsonb("{}")
_FIRST_ATTEMPT = copy_binary.int4(1) + NULL
_RUNNING = copy_binary.text("RUNNING")
_ZERO = copy_binary.int8(0)
_MAX_KNOWN = 20_000
_tokens: dict[str, bytes] = {"": NULL}
_run_ids: dict[str, bytes] = {}
_pack_two_times = struct.Struct(">iqiq").pack
_is_uuid = limits.UUID.fullmatch
_bytes_of_hex = bytes.fromhex


def run_row(run: run_pb2.Run, period: Period, refused: list[Refusal], names: Names = ANY_NUMBER) -> RunMessage:
    """Return a run message; attributes that are refused go to `refused`. Raises Refusal."""
    status = stored(run.status, RUN_STATUS, "STATUS")
    start = values.microseconds(run.start_time, period, "START_TIME") if run.HasField("start_time") else None
    end = values.microseconds(run.end_time, period, "END_TIME") if run.HasField("end_time") else None
    heartbeat = None
    if run.HasField("heartbeat_time"):
        heartbeat = values.microseconds(run.heartbeat_time, period, "HEARTBEAT_TIME")
    if (end is None) is not (status == _RUNNING):
        raise Refusal("REQUIRED" if end is None else "INCONSISTENT", "END_TIME")
    if start is not None and end is not None and end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    earliest = start
    if earliest is None:
        earliest = min((time for time in (end, heartbeat) if time is not None), default=None)
    if earliest is None:
        raise Refusal("REQUIRED", "START_TIME")
    return RunMessage(
        run_id=run.run_id,
        key=_run_ids.get(run.run_id) or _learn_run_id(run.run_id),
        is_stub=start is None,
        status=status,
        start_time=earliest,
        end_time=end,
        heartbeat_time=heartbeat,
        lease_duration=_lease(run) if run.HasField("lease_duration") else None,
        expected_step_count=_expected_step_count(run) if run.HasField("expected_step_count") else None,
        agent_id=names.agent_ids[run.agent_id],
        agent_version=_token(run.agent_version, "AGENT_VERSION"),
        environment=_token(run.environment, "ENVIRONMENT"),
        session_id=_token(run.session_id, "SESSION_ID"),
        user_key=_user_key(run.user_key),
        parent_run_id=_uuid(run.parent_run_id, "PARENT_RUN_ID"),
        tags=_tags(run) if run.tags else (),
        attributes=_attributes(run.attributes, "RUN_ATTRIBUTES", refused),
    )


def step_row(step: step_pb2.Step, period: Period, refused: list[Refusal], names: Names = ANY_NUMBER) -> EncodedRow:
    """Return a step's row; attributes that are refused go to `refused`. Raises Refusal."""
    run_id = step.run_id
    own = step.step_id
    if not _is_uuid(own):
        values.required_uuid(own, "STEP_ID")
    key = (_run_ids.get(run_id) or _learn_run_id(run_id)) + b"\0\0\0\x10" + _bytes_of_hex(own.replace("-", ""))
    start = _time(step.start_time, period, step, "start_time")
    end = _time(step.end_time, period, step, "end_time")
    if end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    parent = step.parent_step_id
    model, use = _model(step.model, names) if step.HasField("model") else (_NO_MODEL, None)
    body = b"".join(
        (
            key,
            _uuid(parent, "PARENT_STEP_ID") if parent else NULL,
            copy_binary.int4(values.number(step.sequence, "SEQUENCE", most=limits.SEQUENCE_MAX)),
            STEP_TYPE.get(step.type) or stored(step.type, STEP_TYPE, "TYPE"),
            names.step_names[step.name],
            STEP_STATUS.get(step.status) or stored(step.status, STEP_STATUS, "STATUS"),
            _attempt(step),
            _pack_two_times(8, start - copy_binary.EPOCH_MICROSECONDS, 8, end - copy_binary.EPOCH_MICROSECONDS),
            model,
            _tool(step.tool, names) if step.HasField("tool") else _NO_TOOL,
            _retrieval(step.retrieval) if step.HasField("retrieval") else _NO_RETRIEVAL,
            _attributes(step.attributes, "STEP_ATTRIBUTES", refused),
        )
    )
    return EncodedRow(key, run_id, start, body, end, step.type, step.status, use)


def failure_row(failure: failure_pb2.Failure, period: Period, refused: list[Refusal]) -> EncodedRow:  # noqa: ARG001
    """Return a failure's row. Raises Refusal."""
    run_id = failure.run_id
    run = _run_ids.get(run_id) or _learn_run_id(run_id)
    key = run + copy_binary.uuid(values.required_uuid(failure.failure_id, "FAILURE_ID"))
    if failure.caused_by_failure_id == failure.failure_id:
        raise Refusal("INCONSISTENT", "CAUSED_BY_FAILURE_ID")
    time = _time(failure.occur_time, period, failure, "occur_time")
    body = b"".join(
        (
            key,
            _uuid(failure.step_id, "STEP_ID"),
            stored(failure.type, FAILURE_TYPE, "TYPE"),
            (failure.code and _tokens.get(failure.code)) or _learn_token(failure.code, "CODE"),
            _token(failure.exception_type, "EXCEPTION_TYPE"),
            _status(failure, "http_status", least=100, most=599),
            _status(failure, "grpc_status", least=0, most=16),
            copy_binary.boolean(failure.retryable) if failure.HasField("retryable") else NULL,
            _uuid(failure.caused_by_failure_id, "CAUSED_BY_FAILURE_ID"),
            copy_binary.timestamptz(time),
        )
    )
    return EncodedRow(key, run_id, time, body, time, failure.type)


def _time(value: Timestamp, period: Period, item: Any, name: str) -> int:
    """A time that has to be told."""
    nanos = value.nanos
    found: int = value.seconds * 1_000_000 + nanos // 1000
    if period.first <= found <= period.last and 0 <= nanos < 1_000_000_000:
        return found
    # One that is not told looks like 1970.
    if not item.HasField(name):
        raise Refusal("REQUIRED", name.upper())
    return values.microseconds(value, period, name.upper())


def _attempt(step: step_pb2.Step) -> bytes:
    """The columns attempt and retry_of_step_id."""
    first = step.retry_of_step_id
    attempt = step.attempt
    if not first and 0 <= attempt <= 1:
        return _FIRST_ATTEMPT
    attempt = values.number(attempt or 1, "ATTEMPT", least=1, most=limits.ATTEMPT_MAX)
    if not first:
        raise Refusal("REQUIRED", "RETRY_OF_STEP_ID")
    encoded = _uuid(first, "RETRY_OF_STEP_ID")
    if attempt == 1 or first == step.step_id:
        raise Refusal("INCONSISTENT", "RETRY_OF_STEP_ID")
    return copy_binary.int4(attempt) + encoded


def _model(model: step_pb2.ModelCall, names: Names) -> tuple[bytes, ModelUse]:
    """The columns from provider to cost_micro_usd, and what the metrics take of them."""
    usage = model.usage
    semantics = usage.input_token_semantics
    request_model, response_model = model.request_model, model.response_model
    input_tokens, output_tokens, cost = usage.input_tokens, usage.output_tokens, model.cost_micro_usd
    columns = b"".join(
        (
            _token(model.provider, "PROVIDER"),
            names.request_models[request_model],
            names.response_models[response_model],
            _count(input_tokens, usage, "input_tokens"),
            _count(output_tokens, usage, "output_tokens"),
            _count(usage.cache_read_tokens, usage, "cache_read_tokens"),
            _count(usage.cache_write_tokens, usage, "cache_write_tokens"),
            _count(usage.reasoning_tokens, usage, "reasoning_tokens"),
            stored(semantics, TOKEN_SEMANTICS, "INPUT_TOKEN_SEMANTICS") if semantics else NULL,
            _token(model.finish_reason, "FINISH_REASON"),
            _time_to_first_token(model) if model.HasField("time_to_first_token") else NULL,
            _count(cost, model, "cost_micro_usd"),
        )
    )
    return columns, (response_model or request_model, input_tokens, output_tokens, cost)


def _time_to_first_token(model: step_pb2.ModelCall) -> bytes:
    most = limits.LEASE_SECONDS_MAX
    given = model.time_to_first_token
    return copy_binary.interval(values.duration(given, "TIME_TO_FIRST_TOKEN", least_seconds=0, most_seconds=most))


def _tool(tool: step_pb2.ToolCall, names: Names) -> bytes:
    return names.tool_names[tool.name] + _token(tool.call_id, "TOOL_CALL_ID")


def _retrieval(retrieval: step_pb2.Retrieval) -> bytes:
    return _token(retrieval.source, "RETRIEVAL_SOURCE") + _count(retrieval.result_count, retrieval, "result_count")


def _attributes(given: Any, field: str, refused: list[Refusal]) -> bytes:
    return copy_binary.jsonb(attributes.to_json(given, field, refused)) if given else _NO_ATTRIBUTES


def _lease(run: run_pb2.Run) -> int:
    least, most = limits.LEASE_SECONDS_MIN, limits.LEASE_SECONDS_MAX
    return values.duration(run.lease_duration, "LEASE_DURATION", least_seconds=least, most_seconds=most)


def _tags(run: run_pb2.Run) -> tuple[str, ...]:
    if len(run.tags) > limits.TAGS:
        raise Refusal("TOO_LONG", "TAGS")
    return tuple(sorted({values.required_token(tag, "TAGS") for tag in run.tags}))


def _expected_step_count(run: run_pb2.Run) -> int:
    return values.number(run.expected_step_count, "EXPECTED_STEP_COUNT", most=limits.STEPS_PER_RUN)


def _user_key(value: str) -> bytes:
    # Not remembered: as many as there are users.
    return copy_binary.text(values.user_key(value)) if value else NULL


def _count(value: int, holder: Any, name: str) -> bytes:
    """An optional count."""
    if value:
        return copy_binary.int8(values.number(value, name.upper()))
    return _ZERO if holder.HasField(name) else NULL


def _status(failure: failure_pb2.Failure, name: str, *, least: int, most: int) -> bytes:
    if not failure.HasField(name):
        return NULL
    return copy_binary.int4(values.number(getattr(failure, name), name.upper(), least=least, most=most))


def _uuid(value: str, field: str) -> bytes:
    """An optional id."""
    return copy_binary.uuid(values.required_uuid(value, field)) if value else NULL


def _token(value: str, field: str) -> bytes:
    """An optional token."""
    return _tokens.get(value) or _learn_token(value, field)


def _learn_token(value: str, field: str) -> bytes:
    """Check a token that is not known, and remember its bytes. Raises Refusal, also where it is empty."""
    if len(_tokens) >= _MAX_KNOWN:
        _tokens.clear()
        _tokens[""] = NULL
    encoded = copy_binary.text(values.required_token(value, field))
    _tokens[value] = encoded
    return encoded


def _learn_run_id(value: str) -> bytes:
    """Check a run's id that is not known, and remember its bytes."""
    if len(_run_ids) >= _MAX_KNOWN:
        _run_ids.clear()
    _run_ids[value] = encoded = copy_binary.uuid(values.required_uuid(value, "RUN_ID"))
    return encoded
