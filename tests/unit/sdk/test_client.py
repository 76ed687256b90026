from __future__ import annotations

import datetime as dt
from itertools import islice

import grpc
import pytest

import agenttrace
from agenttrace.listing import LISTING_TRIES
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import query_service_pb2 as query
from agenttrace.watching import Told
from unit.sdk.recording_server import RUN_ID, refuse


@pytest.fixture
def client(endpoint):
    with agenttrace.QueryClient(endpoint) as client:
        yield client


def summaries(count):
    return [run_pb2.RunSummary(run=run_pb2.Run(run_id=f"run-{number}")) for number in range(count)]


def ids(runs):
    return [summary.run.run_id for summary in runs]


def test_runs_come_over_as_many_chunks_as_there_are(client, query_service):
    query_service.runs = summaries(7)

    assert ids(client.runs(page_size=3)) == [f"run-{number}" for number in range(7)]


def test_a_listing_that_breaks_goes_on_where_it_was(client, query_service):
    query_service.runs = summaries(9)
    query_service.break_after = [2, 1]

    assert ids(client.runs(limit=8)) == [f"run-{number}" for number in range(8)]
    assert [(request.page_token, request.limit) for request in query_service.requests] == [("", 8), ("4", 4), ("6", 2)]


def test_a_listing_that_never_begins_fails_at_once(client, query_service):
    query_service.refusal = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")

    with pytest.raises(agenttrace.UnavailableError) as failed:
        list(client.runs())

    assert failed.value.reason == "STORE_UNAVAILABLE"
    assert len(query_service.requests) == 1


def test_no_server_is_told_of_as_unavailable_without_a_reason():
    with agenttrace.QueryClient("127.0.0.1:1") as client, pytest.raises(agenttrace.UnavailableError) as failed:
        list(client.runs())

    assert failed.value.reason == ""


def test_filters_are_plain_values(client, query_service):
    since = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    list(
        client.runs(
            agent_id="support",
            agent_version=["1", "2"],
            status=["failure", "PARTIAL"],
            failure_type="tool",
            since=since,
            min_duration=dt.timedelta(milliseconds=1500),
            tags="a",
            attributes={"region": "eu", "rows": 3},
            has_retries=False,
            incomplete=True,
            session_id="s-1",
        )
    )

    (request,) = query_service.requests
    wanted = query.RunFilter(
        agent_ids=["support"],
        agent_versions=["1", "2"],
        statuses=[run_pb2.RUN_STATUS_FAILURE, run_pb2.RUN_STATUS_PARTIAL],
        failure_types=[failure_pb2.FAILURE_TYPE_TOOL],
        tags=["a"],
        has_retries=False,
        incomplete=True,
        session_id="s-1",
    )
    wanted.start_time_range.start_time.FromDatetime(since)
    wanted.min_duration.FromMilliseconds(1500)
    wanted.attributes["region"].string_value = "eu"
    wanted.attributes["rows"].int_value = 3
    assert request.filter == wanted


def test_a_span_means_that_long_ago(client, query_service):
    list(client.runs(since=dt.timedelta(hours=24)))

    start = query_service.requests[0].filter.start_time_range.start_time.ToDatetime(dt.UTC)
    assert abs((dt.datetime.now(dt.UTC) - start) - dt.timedelta(hours=24)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    "filters",
    [{"status": "splendid"}, {"failure_type": "unspecified"}, {"since": dt.datetime.now(dt.UTC).replace(tzinfo=None)}],
)
def test_a_filter_that_is_not_of_its_form_is_refused_here(client, filters):
    with pytest.raises(agenttrace.InvalidValueError):
        client.runs(**filters)


def test_a_run_that_is_not_there_is_not_found(client, query_service):
    with pytest.raises(agenttrace.NotFoundError) as failed:
        client.run(RUN_ID)

    assert (failed.value.reason, failed.value.status, failed.value.facts) == (
        "RUN_NOT_FOUND",
        "NOT_FOUND",
        {"log_id": "l-1"},
    )


def test_an_id_that_is_no_uuid_is_refused_here(client, query_service):
    with pytest.raises(agenttrace.InvalidValueError):
        client.run("42")

    assert not query_service.requests


def test_details_of_an_error_are_read_beside_the_hosts_own_copy_of_google_rpc(client, query_service, monkeypatch):
    def refuse_with_details(request, context):
        refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", retry_seconds=3, field="filter.agent_ids")

    monkeypatch.setattr(query_service, "_note", refuse_with_details)

    with pytest.raises(agenttrace.InvalidRequestError) as failed:
        client.stats()

    assert failed.value.violations == (("filter.agent_ids", "INVALID_TOKEN"),)
    assert failed.value.retry_after_seconds == 3
    assert str(failed.value) == "refused for the test"


def test_steps_failures_statistics_and_codes_are_read(client, query_service):
    query_service.steps = [step_pb2.Step(name="a")]
    query_service.failures = [failure_pb2.FailureDetail(step_name="a")]
    query_service.stats = query.GetStatsResponse(totals=query.Stats(run_count=3))
    query_service.codes = [failure_pb2.FailureCode(code="timeout")]

    assert [step.name for step in client.steps(RUN_ID, type="tool", is_retry=True)] == ["a"]
    assert [detail.step_name for detail in client.failures(code="timeout", recovered=False)] == ["a"]
    assert client.stats(group_by="agent_version", bucket=dt.timedelta(hours=1)).totals.run_count == 3
    assert [code.code for code in client.failure_codes()] == ["timeout"]
    steps, failures, stats = query_service.requests
    assert (list(steps.filter.types), steps.filter.is_retry) == ([step_pb2.STEP_TYPE_TOOL], True)
    assert failures.filter.HasField("recovered")
    assert (stats.group_by, stats.bucket_duration.seconds) == (query.STATS_DIMENSION_AGENT_VERSION, 3600)


def test_a_watch_that_breaks_goes_on_where_it_was(client, query_service):
    query_service.runs = summaries(3)

    assert ids(islice(client.watch(), 3)) == ["run-0", "run-1", "run-2"]
    assert [request.resume_token for request in query_service.requests] == ["", "1", "2"]


def test_a_watch_whose_token_is_no_longer_kept_says_so(client, query_service):
    with pytest.raises(agenttrace.PreconditionError) as failed:
        next(client.watch(resume_token="9"))

    assert failed.value.reason == "RESUME_TOKEN_EXPIRED"


def test_both_clients_take_the_same_arguments():
    from inspect import signature

    from agenttrace import AsyncQueryClient, QueryClient

    calls = [name for name, value in vars(QueryClient).items() if callable(value) and not name.startswith("_")]
    assert calls == [name for name, value in vars(AsyncQueryClient).items() if callable(value) and name[0] != "_"]
    for name in ["__init__", *calls]:
        ours, theirs = signature(getattr(QueryClient, name)), signature(getattr(AsyncQueryClient, name))
        assert list(ours.parameters.values()) == list(theirs.parameters.values())


def test_a_listing_that_ends_for_a_reason_of_the_servers_is_not_tried_again(client, query_service):
    query_service.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")

    with pytest.raises(agenttrace.InvalidRequestError):
        client.runs(page_token="x").page()

    assert len(query_service.requests) == 1


def test_a_listing_gives_up_a_server_that_stays_away(client, query_service, monkeypatch):
    """After as many tries in a row without progress; what came before is the caller's."""
    monkeypatch.setattr("agenttrace.listing._LONGEST_SECONDS", 0.01)
    query_service.runs = summaries(9)
    query_service.break_after = [1] + [0] * LISTING_TRIES
    found: list[str] = []

    with pytest.raises(agenttrace.UnavailableError):
        found.extend(summary.run.run_id for summary in client.runs())

    assert found == ["run-0", "run-1"]
    assert len(query_service.requests) == 1 + LISTING_TRIES


def test_what_a_watch_tells_again_unchanged_is_told_once():
    told = Told(most=2)
    first, second, third = summaries(3)
    changed = run_pb2.RunSummary(run=first.run, step_count=1)

    assert [told.is_news(run) for run in (first, first, changed, changed, first)] == [True, False, True, False, True]
    assert [told.is_news(run) for run in (second, third, first)] == [True, True, True], "the oldest is forgotten"


def test_every_error_of_the_package_is_in_its_tree():
    from agenttrace import errors

    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(cls, errors.AgentTraceError) for cls in classes)
    assert all(cls.__name__ in errors.__doc__ for cls in classes)
    assert {cls.__name__ for cls in classes} <= set(agenttrace.__all__)
