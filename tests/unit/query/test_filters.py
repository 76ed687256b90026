"""Every value of a filter is checked before it goes anywhere, and refused by the path of its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace.v1 import run_pb2
from agenttrace_server.errors import InvalidRequest
from agenttrace_server.query import convert
from agenttrace_server.read_records import FailureFilter, RunFilter, StepFilter

UUID = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"
HOSTILE = ["two words", "nul\0", "quote'", "%(project_id)s", "{conditions}", "x" * 129, "ünï", "-- comment", " "]
Value = run_pb2.AttributeValue


def paths(call: Callable[[Any], Any], request: Any) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(InvalidRequest) as caught:
        call(request)
    assert all(violation.description for violation in caught.value.violations)
    return [violation.field for violation in caught.value.violations]


def runs(**fields: Any) -> pb.ListRunsRequest:
    return pb.ListRunsRequest(filter=pb.RunFilter(**fields))


def test_a_whole_filter_is_understood() -> None:
    begin = Timestamp(seconds=1_700_000_000, nanos=1_000)
    request = runs(
        agent_ids=["a", "b", "a"],
        agent_versions=["1.4.0"],
        environments=["production"],
        statuses=[run_pb2.RUN_STATUS_FAILURE, run_pb2.RUN_STATUS_ABANDONED],
        start_time_range=pb.TimeRange(start_time=begin),
        failure_types=[1],
        failure_codes=["timeout"],
        min_duration=Duration(seconds=1),
        max_duration=Duration(seconds=1, nanos=1_999),
        session_id="s",
        tags=["t"],
        attributes={
            "i": Value(int_value=1),
            "d": Value(double_value=1.5),
            "b": Value(bool_value=False),
            "s": Value(string_value="x"),
        },
        has_retries=False,
        incomplete=True,
        user_key="0" * 64,
        parent_run_id=UUID,
    )

    run_filter, _ = convert.list_runs(request)

    assert run_filter == RunFilter(
        agent_ids=("a", "b"),
        agent_versions=("1.4.0",),
        environments=("production",),
        statuses=("FAILURE", "ABANDONED"),
        start_time_from=datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(microseconds=1),
        failure_types=("TOOL",),
        failure_codes=("timeout",),
        min_duration=timedelta(seconds=1),
        max_duration=timedelta(seconds=1, microseconds=1),
        session_id="s",
        tags=("t",),
        attributes={"i": 1, "d": 1.5, "b": False, "s": "x"},
        has_retries=False,
        incomplete=True,
        user_key="0" * 64,
        parent_run_id=UUID,
    )


def test_empty_filters_select_all() -> None:
    steps, _ = convert.list_steps(pb.ListStepsRequest())
    failures, _ = convert.list_failures(pb.ListFailuresRequest())

    assert convert.list_runs(pb.ListRunsRequest())[0] == RunFilter()
    assert (steps.run_id, steps.step_filter, steps.run_filter) == (None, StepFilter(), RunFilter())
    assert (failures.run_id, failures.failure_filter) == (None, FailureFilter())


@pytest.mark.parametrize("value", [*HOSTILE, ""])
@pytest.mark.parametrize("field", ["agent_ids", "agent_versions", "environments", "failure_codes", "tags"])
def test_values_that_are_no_tokens_are_refused(field: str, value: str) -> None:
    assert paths(convert.list_runs, runs(**{field: ["fine", value]})) == [f"filter.{field}[1]"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("field", ["session_id", "user_key", "parent_run_id"])
def test_single_values_of_the_wrong_form_are_refused(field: str, value: str) -> None:
    assert paths(convert.list_runs, runs(**{field: value})) == [f"filter.{field}"]


@pytest.mark.parametrize("value", HOSTILE)
def test_run_ids_that_are_no_uuids_are_refused(value: str) -> None:
    assert paths(convert.run_id, pb.GetRunRequest(run_id=value))[0] == "run_id"
    assert paths(convert.list_steps, pb.ListStepsRequest(run_id=value)) == ["run_id"]
    assert paths(convert.list_failures, pb.ListFailuresRequest(run_id=value.upper())) == ["run_id"]


def test_a_run_to_get_must_be_named() -> None:
    assert paths(convert.run_id, pb.GetRunRequest()) == ["run_id"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("field", ["names", "models", "tools"])
def test_step_filters_are_checked_alike(field: str, value: str) -> None:
    request = pb.ListStepsRequest(filter=pb.StepFilter(**{field: [value]}))

    assert paths(convert.list_steps, request) == [f"filter.{field}[0]"]


def test_the_run_filter_beside_a_step_filter_has_its_own_path() -> None:
    request = pb.ListStepsRequest(run_filter=pb.RunFilter(session_id="no token"))

    assert paths(convert.list_steps, request) == ["run_filter.session_id"]


def test_a_run_and_a_filter_of_runs_exclude_each_other() -> None:
    request = pb.ListStepsRequest(run_id=UUID, run_filter=pb.RunFilter(session_id="s"))

    assert paths(convert.list_steps, request) == ["run_filter"]


@pytest.mark.parametrize("number", [0, 7, 99, -1])
def test_unknown_and_unspecified_enum_values_are_refused(number: int) -> None:
    assert paths(convert.list_runs, runs(statuses=[1, number])) == ["filter.statuses[1]"]
    failures = pb.ListFailuresRequest(filter=pb.FailureFilter(types=[number]))
    assert paths(convert.list_failures, failures) == ["filter.types[0]"]


@pytest.mark.parametrize(("field", "value"), [("agent_ids", "a"), ("tags", "t"), ("statuses", 1), ("failure_types", 1)])
def test_lists_of_more_than_100_values_are_refused(field: str, value: Any) -> None:
    convert.list_runs(runs(**{field: [value] * 100}))

    assert paths(convert.list_runs, runs(**{field: [value] * 101})) == [f"filter.{field}"]


BAD_TIMES = [
    Timestamp(seconds=253402300800),
    Timestamp(seconds=-62135596801),
    Timestamp(seconds=2**62),
    Timestamp(nanos=-1),
    Timestamp(nanos=10**9),
]


@pytest.mark.parametrize("time", BAD_TIMES)
@pytest.mark.parametrize("end", ["start_time", "end_time"])
def test_times_outside_of_the_years_1_to_9999_are_refused(end: str, time: Timestamp) -> None:
    expected = [f"filter.start_time_range.{end}"]

    assert paths(convert.list_runs, runs(start_time_range=pb.TimeRange(**{end: time}))) == expected


def test_nanoseconds_are_not_lost_in_a_range() -> None:
    """A stored time lies in [start, end) exactly if it does with what the filter is rounded to."""
    time = Timestamp(seconds=5, nanos=1_500)

    run_filter, _ = convert.list_runs(runs(start_time_range=pb.TimeRange(start_time=time)))

    assert run_filter.start_time_from == datetime.fromtimestamp(5, UTC) + timedelta(microseconds=2)


@pytest.mark.parametrize("seconds", [4, 5])
def test_ranges_without_an_instant_are_refused(seconds: int) -> None:
    empty = pb.TimeRange(start_time=Timestamp(seconds=5), end_time=Timestamp(seconds=seconds))

    assert paths(convert.list_runs, runs(start_time_range=empty)) == ["filter.start_time_range.end_time"]


@pytest.mark.parametrize(
    "wrong", [Duration(seconds=-1), Duration(nanos=-1), Duration(seconds=2**62), Duration(nanos=10**9)]
)
@pytest.mark.parametrize("field", ["min_duration", "max_duration"])
def test_durations_that_are_none_are_refused(field: str, wrong: Duration) -> None:
    assert paths(convert.list_runs, runs(**{field: wrong})) == [f"filter.{field}"]


def test_a_longest_duration_below_the_shortest_is_refused() -> None:
    request = runs(min_duration=Duration(seconds=2), max_duration=Duration(seconds=1))

    assert paths(convert.list_runs, request) == ["filter.max_duration"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"Upper": Value(int_value=1)},
        {"": Value(int_value=1)},
        {"k" * 65: Value(int_value=1)},
        {"key\0": Value(int_value=1)},
        {"key": Value()},
        {"key": Value(double_value=float("nan"))},
        {"key": Value(double_value=float("-inf"))},
        {"key": Value(string_value="two words")},
        {"key": Value(string_value="")},
        {"user_prompt": Value(string_value="token")},
        {f"key{n}": Value(int_value=n) for n in range(33)},
    ],
)
def test_attributes_that_none_could_equal_are_refused_without_their_keys(attributes: dict[str, Value]) -> None:
    assert paths(convert.list_runs, runs(attributes=attributes)) == ["filter.attributes"]


@pytest.mark.parametrize(
    ("call", "request_type", "maximum"),
    [
        (convert.list_runs, pb.ListRunsRequest, 200),
        (convert.list_steps, pb.ListStepsRequest, 1000),
        (convert.list_failures, pb.ListFailuresRequest, 200),
    ],
)
def test_page_sizes_and_limits_are_checked(call: Callable[[Any], Any], request_type: Any, maximum: int) -> None:
    assert call(request_type(page_size=maximum, limit=2**62))[1].size == maximum
    for size in (-1, maximum + 1, 2**31 - 1):
        assert paths(call, request_type(page_size=size)) == ["page_size"]
    assert paths(call, request_type(limit=-1)) == ["limit"]


def test_all_violations_are_told_at_once_and_no_value_among_them() -> None:
    secret = "hunter2 hunter2"
    request = runs(agent_ids=[secret], session_id=secret, user_key=secret, attributes={secret: Value(int_value=1)})

    with pytest.raises(InvalidRequest) as caught:
        convert.list_runs(request)

    assert len(caught.value.violations) == 4
    assert secret not in str(caught.value.violations)


def test_the_token_of_a_listing_is_bound_to_its_filter_and_not_to_its_page_size() -> None:
    def selection(**fields: Any) -> bytes:
        return convert.list_runs(pb.ListRunsRequest(**fields))[1].selection

    attributes = {f"k{n}": Value(int_value=n) for n in range(8)}
    backwards = dict(reversed(attributes.items()))

    assert selection(page_size=3, limit=9, page_token="x") == selection(filter=pb.RunFilter())
    assert selection(filter=pb.RunFilter(session_id="a")) != selection(filter=pb.RunFilter(session_id="b"))
    assert selection(filter=pb.RunFilter(attributes=attributes)) == selection(filter=pb.RunFilter(attributes=backwards))


def test_the_steps_of_a_run_have_one_listing_however_they_are_asked_for() -> None:
    """GetRun hands out a token with which ListSteps goes on."""
    _, paging = convert.list_steps(pb.ListStepsRequest(run_id=UUID, page_size=7))

    assert convert.steps_listing(1, UUID) == paging.listing(1)
