"""From what was recorded to messages of the contract; runs in the exporter's thread."""

from agenttrace.facts import StepFacts
from agenttrace.failures import FailureRecord
from agenttrace.forms import Attribute
from agenttrace.ids import uuid_text
from agenttrace.steps import Step
from agenttrace.times import duration, timestamp
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2

_MODEL_FACTS = {
    "provider": "provider",
    "model": "request_model",
    "response_model": "response_model",
    "finish_reason": "finish_reason",
    "cost_micro_usd": "cost_micro_usd",
}
_TOOL_FACTS = {"tool": "name", "tool_call_id": "call_id"}
_RETRIEVAL_FACTS = {"source": "source", "result_count": "result_count"}
_USAGE_FACTS = {
    name: name
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
}
_SEMANTICS = {
    True: step_pb2.INPUT_TOKEN_SEMANTICS_INCLUDES_CACHED,
    False: step_pb2.INPUT_TOKEN_SEMANTICS_EXCLUDES_CACHED,
}


def step_message(step: Step) -> step_pb2.Step:
    """Return the message of a step that has ended."""
    message = step_pb2.Step(
        run_id=step.run.run_id,
        step_id=uuid_text(step.id),
        parent_step_id=uuid_text(step.parent_id),
        sequence=step.sequence,
        type=step.step_type,
        name=step.name,
        status=step_pb2.STEP_STATUS_OK if step.failure is None else step_pb2.STEP_STATUS_ERROR,
        attempt=step.attempt,
        retry_of_step_id=uuid_text(step.retry_of),
        start_time=timestamp(step.start_ns),
        end_time=timestamp(step.end_ns),
    )
    if step.facts:
        _add_facts(message, step.facts)
    for key, value in (step.attributes or {}).items():
        set_attribute(message.attributes[key], value)
    return message


def failure_message(failure: FailureRecord) -> failure_pb2.Failure:
    """Return the message of a failure."""
    message = failure_pb2.Failure(
        failure_id=uuid_text(failure.id),
        run_id=failure.run_id,
        step_id=uuid_text(failure.step_id),
        type=failure.failure_type,
        code=failure.code,
        exception_type=failure.exception_type,
        caused_by_failure_id=uuid_text(failure.caused_by),
        occur_time=timestamp(failure.occur_ns),
    )
    for field in ("http_status", "grpc_status", "retryable"):
        if (value := getattr(failure, field)) is not None:
            setattr(message, field, value)
    return message


def attribute_value(value: Attribute) -> run_pb2.AttributeValue:
    """Return an attribute's value as a message."""
    message = run_pb2.AttributeValue()
    set_attribute(message, value)
    return message


def set_attribute(message: run_pb2.AttributeValue, value: Attribute) -> None:
    """Write an attribute's value into its message."""
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, int):
        message.int_value = value
    else:
        message.double_value = value


def _add_facts(message: step_pb2.Step, facts: StepFacts) -> None:
    _copy(facts, _MODEL_FACTS, message, "model")
    _copy(facts, _TOOL_FACTS, message, "tool")
    _copy(facts, _RETRIEVAL_FACTS, message, "retrieval")
    if any(facts.get(name) is not None for name in _USAGE_FACTS):
        _copy(facts, _USAGE_FACTS, message.model, "usage")
    if (cached := facts.get("input_includes_cached")) is not None:
        message.model.usage.input_token_semantics = _SEMANTICS[cached]
    if (seconds := facts.get("time_to_first_token_seconds")) is not None:
        message.model.time_to_first_token.CopyFrom(duration(seconds))


def _copy(facts: StepFacts, fields: dict[str, str], message: step_pb2.Step | step_pb2.ModelCall, part: str) -> None:
    """Copy the facts that are there into a part of the message; without any the part stays absent."""
    for fact, field in fields.items():
        value = facts.get(fact)
        if value is not None and value != "":
            setattr(getattr(message, part), field, value)
