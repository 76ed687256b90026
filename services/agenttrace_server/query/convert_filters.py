"""Converts the filters of requests, having checked every value in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from agenttrace.v1 import failure_pb2, query_service_pb2, run_pb2, step_pb2
from agenttrace_server import limits
from agenttrace_server.query.convert_fields import Enum, duration_from_message, time_from_message
from agenttrace_server.query.violations import Violations
from agenttrace_server.read_records import FailureFilter, RunFilter, Scalar, StepFilter

RUN_STATUS = Enum(run_pb2.RunStatus, "RUN_STATUS_")
STEP_TYPE = Enum(step_pb2.StepType, "STEP_TYPE_")
STEP_STATUS = Enum(step_pb2.StepStatus, "STEP_STATUS_")
FAILURE_TYPE = Enum(failure_pb2.FailureType, "FAILURE_TYPE_")


def run_filter(message: query_service_pb2.RunFilter, violations: Violations, path: str = "filter") -> RunFilter:
    """Return the filter of runs; note what is wrong with it."""
    start_from, start_before = _range(f"{path}.start_time_range", message.start_time_range, violations)
    selected_by = RunFilter(
        agent_ids=violations.tokens(f"{path}.agent_ids", message.agent_ids),
        agent_versions=violations.tokens(f"{path}.agent_versions", message.agent_versions),
        environments=violations.tokens(f"{path}.environments", message.environments),
        statuses=RUN_STATUS.stored(f"{path}.statuses", message.statuses, violations),
        start_time_from=start_from,
        start_time_before=start_before,
        failure_types=FAILURE_TYPE.stored(f"{path}.failure_types", message.failure_types, violations),
        failure_codes=violations.tokens(f"{path}.failure_codes", message.failure_codes),
        min_duration=_shortest(f"{path}.min_duration", message, violations),
        max_duration=_longest(f"{path}.max_duration", message, violations),
        session_id=violations.token(f"{path}.session_id", message.session_id),
        tags=violations.tokens(f"{path}.tags", message.tags),
        attributes=_attributes(f"{path}.attributes", message.attributes, violations),
        has_retries=message.has_retries if message.HasField("has_retries") else None,
        incomplete=message.incomplete if message.HasField("incomplete") else None,
        user_key=violations.user_key(f"{path}.user_key", message.user_key),
        parent_run_id=violations.uuid(f"{path}.parent_run_id", message.parent_run_id),
    )
    shortest, longest = selected_by.min_duration, selected_by.max_duration
    if shortest is not None and longest is not None and longest < shortest:
        violations.add(f"{path}.max_duration", "must not be less than min_duration")
    return selected_by


def step_filter(message: query_service_pb2.StepFilter, violations: Violations) -> StepFilter:
    """Return the filter of steps; note what is wrong with it."""
    return StepFilter(
        types=STEP_TYPE.stored("filter.types", message.types, violations),
        statuses=STEP_STATUS.stored("filter.statuses", message.statuses, violations),
        names=violations.tokens("filter.names", message.names),
        models=violations.tokens("filter.models", message.models),
        tools=violations.tokens("filter.tools", message.tools),
        min_duration=_shortest("filter.min_duration", message, violations),
        is_retry=message.is_retry if message.HasField("is_retry") else None,
    )


def failure_filter(message: query_service_pb2.FailureFilter, violations: Violations) -> FailureFilter:
    """Return the filter of failures; note what is wrong with it."""
    occur_from, occur_before = _range("filter.occur_time_range", message.occur_time_range, violations)
    return FailureFilter(
        types=FAILURE_TYPE.stored("filter.types", message.types, violations),
        codes=violations.tokens("filter.codes", message.codes),
        occur_time_from=occur_from,
        occur_time_before=occur_before,
        agent_ids=violations.tokens("filter.agent_ids", message.agent_ids),
        agent_versions=violations.tokens("filter.agent_versions", message.agent_versions),
        environments=violations.tokens("filter.environments", message.environments),
        recovered=message.recovered if message.HasField("recovered") else None,
    )


def _range(
    path: str, message: query_service_pb2.TimeRange, violations: Violations
) -> tuple[datetime | None, datetime | None]:
    """The ends of a range; None where it is open."""
    start = end = None
    if message.HasField("start_time"):
        start = time_from_message(f"{path}.start_time", message.start_time, violations)
    if message.HasField("end_time"):
        end = time_from_message(f"{path}.end_time", message.end_time, violations)
    if start is not None and end is not None and start >= end:
        violations.add(f"{path}.end_time", "must be after start_time")
    return start, end


def _shortest(
    path: str, message: query_service_pb2.RunFilter | query_service_pb2.StepFilter, violations: Violations
) -> timedelta | None:
    if not message.HasField("min_duration"):
        return None
    return duration_from_message(path, message.min_duration, violations, up=True)


def _longest(path: str, message: query_service_pb2.RunFilter, violations: Violations) -> timedelta | None:
    if not message.HasField("max_duration"):
        return None
    return duration_from_message(path, message.max_duration, violations, up=False)


def _attributes(path: str, messages: Mapping[str, run_pb2.AttributeValue], violations: Violations) -> dict[str, Scalar]:
    """The attributes to be equal. A key is a value of the request too: violations name only the map."""
    if len(messages) > limits.ATTRIBUTES:
        violations.add(path, f"must have at most {limits.ATTRIBUTES} attributes")
        return {}
    for key, message in messages.items():
        wrong = _wrong_attribute(key, message)
        if wrong:
            violations.add(path, wrong)
            return {}
    return {key: getattr(message, str(message.WhichOneof("value"))) for key, message in messages.items()}


def _wrong_attribute(key: str, message: run_pb2.AttributeValue) -> str | None:
    """What is wrong with an attribute that no stored one could equal."""
    if not limits.ATTRIBUTE_KEY.fullmatch(key):
        return "keys must be lower-case letters, digits, _ and ., at most 64 characters, and begin with a letter"
    match message.WhichOneof("value"):
        case None:
            return "every attribute must have a value"
        case "double_value" if not math.isfinite(message.double_value):
            return "numbers must be finite"
        case "string_value" if not limits.TOKEN.fullmatch(message.string_value):
            return "strings must be tokens"
        case "string_value" if limits.is_content_key(key):
            return "no string is stored under a key that names content"
    return None
