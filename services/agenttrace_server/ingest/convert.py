"""Turns an upload's messages into rows, refusing what the contract refuses: the only place that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agenttrace.v1 import failure_pb2, ingest_service_pb2, run_pb2, step_pb2
from agenttrace_server import limits
from agenttrace_server.ingest import values
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import FailureRow, RunMessage, StepRow

Upload = ingest_service_pb2.UploadStepsRequest | ingest_service_pb2.RecordBatchRequest

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")


def _stored_names(enum: Any, *refused: str) -> dict[int, str]:
    """The stored spelling of an enum's values by number, without `_UNSPECIFIED` and what clients may not send."""
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    names = {number: name.removeprefix(prefix) for name, number in enum.items() if number}
    return {number: name for number, name in names.items() if name not in refused}


_RUN_STATUS = _stored_names(run_pb2.RunStatus, "ABANDONED")
_STEP_TYPE = _stored_names(step_pb2.StepType)
_STEP_STATUS = _stored_names(step_pb2.StepStatus)
_TOKEN_SEMANTICS = _stored_names(step_pb2.InputTokenSemantics)
_FAILURE_TYPE = _stored_names(failure_pb2.FailureType)


@dataclass(slots=True)
class Refused:
    """One refused item or attribute: kind, index in its list, reason and field, as the proto's enums name them."""

    kind: ingest_service_pb2.ItemKind
    item_index: int
    reason: str
    field: str


@dataclass(slots=True)
class Batch:
    """The rows of one message with their indexes in it, and what was refused before it came to rows."""

    runs: list[tuple[int, RunMessage]] = field(default_factory=list)
    steps: list[tuple[int, StepRow]] = field(default_factory=list)
    failures: list[tuple[int, FailureRow]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def batch_from_message(message: Upload, period: Period) -> Batch:
    """Return the rows of a message. A message of too many items is refused whole."""
    batch = Batch()
    if len(message.runs) + len(message.steps) + len(message.failures) > limits.MESSAGE_ITEMS:
        batch.refused.append(Refused(ingest_service_pb2.ITEM_KIND_MESSAGE, 0, "TOO_MANY_ITEMS", "UNSPECIFIED"))
        return batch
    kinds = ingest_service_pb2
    batch.runs = list(_rows(message.runs, kinds.ITEM_KIND_RUN, _run, batch.refused, period))
    batch.steps = list(_rows(message.steps, kinds.ITEM_KIND_STEP, _step, batch.refused, period))
    batch.failures = list(_rows(message.failures, kinds.ITEM_KIND_FAILURE, _failure, batch.refused, period))
    return batch


def _rows(
    items: Iterable[_Item],
    kind: ingest_service_pb2.ItemKind,
    convert: Callable[[_Item, Period, list[Refusal]], _Row],
    refused: list[Refused],
    period: Period,
) -> Iterator[tuple[int, _Row]]:
    """The rows of the items of one kind; an item or attribute that is refused goes to `refused` instead."""
    for index, item in enumerate(items):
        attributes: list[Refusal] = []
        try:
            row = convert(item, period, attributes)
        except Refusal as refusal:
            refused.append(Refused(kind, index, refusal.reason, refusal.field))
            continue
        attribute_kind = ingest_service_pb2.ITEM_KIND_ATTRIBUTE
        refused.extend(Refused(attribute_kind, index, refusal.reason, refusal.field) for refusal in attributes)
        yield index, row


def _run(run: run_pb2.Run, period: Period, refused_attributes: list[Refusal]) -> RunMessage:
    status = _enum(run.status, _RUN_STATUS, "STATUS")
    start = values.time(run.start_time, period, "START_TIME") if run.HasField("start_time") else None
    end = values.time(run.end_time, period, "END_TIME") if run.HasField("end_time") else None
    heartbeat = values.time(run.heartbeat_time, period, "HEARTBEAT_TIME") if run.HasField("heartbeat_time") else None
    if end is None and status != "RUNNING":
        raise Refusal("REQUIRED", "END_TIME")
    if end is not None and status == "RUNNING":
        raise Refusal("INCONSISTENT", "END_TIME")
    if start and end and end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    earliest = start or min(filter(None, (end, heartbeat)), default=None)
    if earliest is None:
        raise Refusal("REQUIRED", "START_TIME")
    return RunMessage(
        run_id=values.required_uuid(run.run_id, "RUN_ID"),
        is_stub=start is None,
        agent_id=values.token(run.agent_id, "AGENT_ID"),
        agent_version=values.token(run.agent_version, "AGENT_VERSION"),
        environment=values.token(run.environment, "ENVIRONMENT"),
        status=status,
        start_time=earliest,
        end_time=end,
        heartbeat_time=heartbeat,
        lease_duration=_lease(run),
        session_id=values.token(run.session_id, "SESSION_ID"),
        user_key=values.user_key(run.user_key),
        parent_run_id=values.uuid(run.parent_run_id, "PARENT_RUN_ID"),
        tags=_tags(run),
        attributes=_attributes(run.attributes, "RUN_ATTRIBUTES", refused_attributes),
        expected_step_count=_expected_step_count(run),
    )


def _lease(run: run_pb2.Run) -> Any:
    if not run.HasField("lease_duration"):
        return None
    least, most = limits.LEASE_SECONDS_MIN, limits.LEASE_SECONDS_MAX
    return values.duration(run.lease_duration, "LEASE_DURATION", least_seconds=least, most_seconds=most)


def _tags(run: run_pb2.Run) -> tuple[str, ...]:
    if len(run.tags) > limits.TAGS:
        raise Refusal("TOO_LONG", "TAGS")
    return tuple(sorted({values.required_token(tag, "TAGS") for tag in run.tags}))


def _expected_step_count(run: run_pb2.Run) -> int | None:
    if not run.HasField("expected_step_count"):
        return None
    return values.number(run.expected_step_count, "EXPECTED_STEP_COUNT", most=limits.STEPS_PER_RUN)


def _step(step: step_pb2.Step, period: Period, refused_attributes: list[Refusal]) -> StepRow:
    start = _required_time(step, "start_time", period)
    end = _required_time(step, "end_time", period)
    if end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    attempt = values.number(step.attempt or 1, "ATTEMPT", least=1, most=limits.ATTEMPT_MAX)
    retry_of = values.uuid(step.retry_of_step_id, "RETRY_OF_STEP_ID")
    if attempt > 1 and not retry_of:
        raise Refusal("REQUIRED", "RETRY_OF_STEP_ID")
    if retry_of and (attempt == 1 or retry_of == step.step_id):
        raise Refusal("INCONSISTENT", "RETRY_OF_STEP_ID")
    columns = (
        values.required_uuid(step.run_id, "RUN_ID"),
        values.required_uuid(step.step_id, "STEP_ID"),
        values.uuid(step.parent_step_id, "PARENT_STEP_ID"),
        values.number(step.sequence, "SEQUENCE", most=limits.SEQUENCE_MAX),
        _enum(step.type, _STEP_TYPE, "TYPE"),
        values.required_token(step.name, "NAME"),
        _enum(step.status, _STEP_STATUS, "STATUS"),
        attempt,
        retry_of,
        start,
        end,
        *_model_columns(step),
        values.token(step.tool.name, "TOOL_NAME"),
        values.token(step.tool.call_id, "TOOL_CALL_ID"),
        values.token(step.retrieval.source, "RETRIEVAL_SOURCE"),
        _count(step.retrieval, "result_count") if step.HasField("retrieval") else None,
        _attributes(step.attributes, "STEP_ATTRIBUTES", refused_attributes),
    )
    return StepRow._make(columns)


_NO_MODEL = (None,) * 12


def _model_columns(step: step_pb2.Step) -> tuple[Any, ...]:
    """The columns from provider to cost_micro_usd."""
    if not step.HasField("model"):
        return _NO_MODEL
    model = step.model
    usage = model.usage
    first_token = None
    if model.HasField("time_to_first_token"):
        first_token = values.duration(
            model.time_to_first_token, "TIME_TO_FIRST_TOKEN", least_seconds=0, most_seconds=limits.LEASE_SECONDS_MAX
        )
    semantics = usage.input_token_semantics
    return (
        values.token(model.provider, "PROVIDER"),
        values.token(model.request_model, "REQUEST_MODEL"),
        values.token(model.response_model, "RESPONSE_MODEL"),
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(usage, "cache_read_tokens"),
        _count(usage, "cache_write_tokens"),
        _count(usage, "reasoning_tokens"),
        _enum(semantics, _TOKEN_SEMANTICS, "INPUT_TOKEN_SEMANTICS") if semantics else None,
        values.token(model.finish_reason, "FINISH_REASON"),
        first_token,
        _count(model, "cost_micro_usd"),
    )


def _failure(failure: failure_pb2.Failure, period: Period, _: list[Refusal]) -> FailureRow:
    return FailureRow(
        run_id=values.required_uuid(failure.run_id, "RUN_ID"),
        failure_id=values.required_uuid(failure.failure_id, "FAILURE_ID"),
        step_id=values.uuid(failure.step_id, "STEP_ID"),
        type=_enum(failure.type, _FAILURE_TYPE, "TYPE"),
        code=values.required_token(failure.code, "CODE"),
        exception_type=values.token(failure.exception_type, "EXCEPTION_TYPE"),
        http_status=_optional(failure, "http_status", least=100, most=599),
        grpc_status=_optional(failure, "grpc_status", least=0, most=16),
        retryable=failure.retryable if failure.HasField("retryable") else None,
        caused_by_failure_id=_cause(failure),
        occur_time=_required_time(failure, "occur_time", period),
    )


def _cause(failure: failure_pb2.Failure) -> str | None:
    cause = values.uuid(failure.caused_by_failure_id, "CAUSED_BY_FAILURE_ID")
    if cause and cause == failure.failure_id:
        raise Refusal("INCONSISTENT", "CAUSED_BY_FAILURE_ID")
    return cause


def _required_time(item: Any, name: str, period: Period) -> Any:
    if not item.HasField(name):
        raise Refusal("REQUIRED", name.upper())
    return values.time(getattr(item, name), period, name.upper())


def _count(item: Any, name: str) -> int | None:
    return _optional(item, name, least=0, most=limits.COUNT_MAX)


def _optional(item: Any, name: str, *, least: int, most: int) -> int | None:
    """An optional number, None where it is absent."""
    return values.number(getattr(item, name), name.upper(), least=least, most=most) if item.HasField(name) else None


def _enum(value: int, names: dict[int, str], name: str) -> str:
    """The stored spelling of an enum's value."""
    stored = names.get(value)
    if stored is None:
        raise Refusal("INVALID_ENUM" if value else "REQUIRED", name)
    return stored


def _attributes(attributes: Mapping[str, run_pb2.AttributeValue], name: str, refused: list[Refusal]) -> str:
    """The attributes as a JSON object in the order of their keys; a refused one is left out whole."""
    if not attributes:
        return "{}"
    if len(attributes) > limits.ATTRIBUTES:
        raise Refusal("TOO_LONG", name)
    members = []
    for key in sorted(attributes):
        try:
            members.append(f'"{values.attribute_key(key, name)}": {_attribute_value(key, attributes[key], name)}')
        except Refusal as refusal:
            refused.append(refusal)
    return "{" + ", ".join(members) + "}"


def _attribute_value(key: str, value: run_pb2.AttributeValue, name: str) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            return values.attribute_string(key, value.string_value, name)
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return values.attribute_double(value.double_value, name)
        case "bool_value":
            return "true" if value.bool_value else "false"
    raise Refusal("REQUIRED", name)
