"""Filters of the read client: plain Python values to messages of the contract.

Wherever a list is taken, one value may be given alone. Words of closed sets are those of the contract
without their prefix, in either case: "failure", "TOOL".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from agenttrace.convert import set_attribute
from agenttrace.errors import InvalidValueError
from agenttrace.times import duration, timestamp_of
from agenttrace.v1 import failure_pb2, query_service_pb2, run_pb2, step_pb2

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

    from agenttrace.forms import Attribute

Words = str | Iterable[str]
Moment = dt.datetime | dt.timedelta
"""A time: an aware datetime, or how long ago."""


class RunFilters(TypedDict, total=False):
    """Which runs; all conditions hold at once, of one list any value."""

    agent_id: Words
    agent_version: Words
    environment: Words
    status: Words
    since: Moment
    until: Moment
    failure_type: Words
    failure_code: Words
    min_duration: dt.timedelta
    max_duration: dt.timedelta
    session_id: str
    tags: Words
    """Tags, of which the run has all."""
    attributes: Mapping[str, Attribute]
    """Attributes, of which the run has all with these values."""
    has_retries: bool
    incomplete: bool
    user_key: str
    parent_run_id: str


class StepFilters(TypedDict, total=False):
    """Which steps; all conditions hold at once, of one list any value."""

    type: Words
    status: Words
    name: Words
    model: Words
    tool: Words
    min_duration: dt.timedelta
    is_retry: bool


class FailureFilters(TypedDict, total=False):
    """Which failures; all conditions hold at once, of one list any value."""

    type: Words
    code: Words
    since: Moment
    until: Moment
    agent_id: Words
    agent_version: Words
    environment: Words
    recovered: bool


def run_filter(filters: RunFilters) -> query_service_pb2.RunFilter:
    """Return the message of a filter; raise InvalidValueError for what is not of its form."""
    built = query_service_pb2.RunFilter(
        agent_ids=words(filters.get("agent_id")),
        agent_versions=words(filters.get("agent_version")),
        environments=words(filters.get("environment")),
        statuses=members("status", run_pb2.RunStatus, "RUN_STATUS_", filters.get("status")),
        failure_types=members("failure_type", failure_pb2.FailureType, "FAILURE_TYPE_", filters.get("failure_type")),
        failure_codes=words(filters.get("failure_code")),
        min_duration=span(filters.get("min_duration")),
        max_duration=span(filters.get("max_duration")),
        start_time_range=time_range(filters.get("since"), filters.get("until")),
        tags=words(filters.get("tags")),
    )
    _copy(filters, built, "session_id", "has_retries", "incomplete", "user_key", "parent_run_id")
    for key, value in filters.get("attributes", {}).items():
        set_attribute(built.attributes[key], value)
    return built


def step_filter(filters: StepFilters) -> query_service_pb2.StepFilter:
    """Return the message of a filter; raise InvalidValueError for what is not of its form."""
    built = query_service_pb2.StepFilter(
        types=members("type", step_pb2.StepType, "STEP_TYPE_", filters.get("type")),
        statuses=members("status", step_pb2.StepStatus, "STEP_STATUS_", filters.get("status")),
        names=words(filters.get("name")),
        models=words(filters.get("model")),
        tools=words(filters.get("tool")),
        min_duration=span(filters.get("min_duration")),
    )
    _copy(filters, built, "is_retry")
    return built


def failure_filter(filters: FailureFilters) -> query_service_pb2.FailureFilter:
    """Return the message of a filter; raise InvalidValueError for what is not of its form."""
    built = query_service_pb2.FailureFilter(
        types=members("type", failure_pb2.FailureType, "FAILURE_TYPE_", filters.get("type")),
        codes=words(filters.get("code")),
        occur_time_range=time_range(filters.get("since"), filters.get("until")),
        agent_ids=words(filters.get("agent_id")),
        agent_versions=words(filters.get("agent_version")),
        environments=words(filters.get("environment")),
    )
    _copy(filters, built, "recovered")
    return built


def words(given: Words | None) -> list[str]:
    """Return one or several words as a list."""
    return [given] if isinstance(given, str) else list(given or ())


def members(argument: str, enum: Any, prefix: str, given: Words | None) -> list[Any]:
    """Return members of an enum by their words."""
    return [member(argument, enum, prefix, word) for word in words(given)]


def member(argument: str, enum: Any, prefix: str, word: str) -> Any:
    """Return the member of an enum by its word; raise InvalidValueError for another word."""
    name = prefix + word.upper().replace("-", "_")
    if name not in enum.keys() or enum.Value(name) == 0:  # noqa: SIM118 - protobuf's, no dict
        known = ", ".join(key.removeprefix(prefix).lower() for key in enum.keys()[1:])
        raise InvalidValueError(f"{argument} is none of: {known}")
    return enum.Value(name)


def span(given: dt.timedelta | None) -> Duration | None:
    """Return a length of time as a message."""
    return None if given is None else duration(given.total_seconds())


def time_range(since: Moment | None, until: Moment | None) -> query_service_pb2.TimeRange | None:
    """Return a range of time, or None if both ends are open."""
    if since is None and until is None:
        return None
    return query_service_pb2.TimeRange(
        start_time=None if since is None else timestamp_of("since", moment(since)),
        end_time=None if until is None else timestamp_of("until", moment(until)),
    )


def moment(given: Moment) -> dt.datetime:
    """Return a time told as itself or as how long ago."""
    return dt.datetime.now(dt.UTC) - given if isinstance(given, dt.timedelta) else given


def _copy(filters: Any, built: Any, *fields: str) -> None:
    """Copy the fields that mean the same on both sides, where they are told."""
    for field in fields:
        if filters.get(field) is not None:
            setattr(built, field, filters[field])
