from __future__ import annotations

import asyncio
import datetime as dt

import pytest

import agenttrace
from agenttrace.v1 import failure_pb2, run_pb2

START = dt.datetime(2026, 1, 31, 12, 0, 0, 123456, dt.UTC)


def test_a_run_is_told_at_its_start_and_at_its_end(tracer, double):
    with tracer.run(session_id="s-42", tags=["a", "b"], attributes={"region": "eu"}) as run:
        pass

    start, end = double.runs
    assert start.status == run_pb2.RUN_STATUS_RUNNING
    assert end.status == run_pb2.RUN_STATUS_SUCCESS
    assert not start.HasField("end_time")
    for message in (start, end):
        assert (message.run_id, message.agent_id, message.agent_version) == (run.run_id, "support", "1.4.0")
        assert (message.environment, message.session_id, list(message.tags)) == ("test", "s-42", ["a", "b"])
        assert message.attributes["region"].string_value == "eu"
        assert message.start_time == start.start_time
        assert message.lease_duration.seconds == 300
    assert end.end_time.ToNanoseconds() >= end.start_time.ToNanoseconds()


def test_the_end_tells_how_many_steps_were_recorded(tracer, double):
    with tracer.run() as run:
        for _ in range(3):
            with run.step("tool", "search"):
                pass

    assert double.end.expected_step_count == 3


def test_an_exception_that_leaves_a_run_makes_it_a_failure_and_goes_on_untouched(tracer, double):
    error = KeyError("a secret of the host")

    with pytest.raises(KeyError) as caught, tracer.run():
        raise error

    assert caught.value is error
    (failure,) = double.failures
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE
    assert (failure.type, failure.code) == (failure_pb2.FAILURE_TYPE_ORCHESTRATION, "uncaught_exception")
    assert (failure.step_id, failure.exception_type) == ("", "KeyError")


def test_an_exception_that_is_a_steps_failure_is_not_told_again_as_the_runs(tracer, double):
    with pytest.raises(TimeoutError), tracer.run() as run, run.step("tool", "search"):
        raise TimeoutError

    (failure,) = double.failures
    assert failure.step_id == double.steps[0].step_id
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE


def test_a_failure_that_nothing_made_good_makes_a_run_partial(tracer, double):
    with tracer.run() as run, run.step("retrieve", "articles") as step:
        step.fail("empty_retrieval")

    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


@pytest.mark.parametrize("error", [GeneratorExit, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_a_cancellation_makes_a_run_cancelled_and_no_failure(tracer, double, error):
    with pytest.raises(error), tracer.run():
        raise error

    assert double.end.status == run_pb2.RUN_STATUS_CANCELLED
    assert not double.failures


def test_a_run_that_failed_as_a_whole_is_a_failure(tracer, double):
    with tracer.run() as run:
        run.fail("max_steps_exceeded")

    (failure,) = double.failures
    assert (failure.run_id, failure.step_id, failure.code) == (run.run_id, "", "max_steps_exceeded")
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE


def test_the_host_has_the_last_word_on_the_status(tracer, double):
    with tracer.run() as run:
        run.fail("task_not_completed")
        run.set_status("partial")

    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL
    assert run.status == "partial"


def test_an_unknown_status_changes_nothing(tracer, double):
    with tracer.run() as run:
        run.set_status("splendid")

    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_a_run_inside_a_run_names_its_parent(tracer, double):
    with tracer.run() as outer:
        with tracer.run() as inner:
            pass
        with tracer.run(parent="") as alone:
            pass

    parents = {run.run_id: run.parent_run_id for run in double.runs}
    assert parents == {outer.run_id: "", inner.run_id: outer.run_id, alone.run_id: ""}


def test_ids_and_times_can_be_told(tracer, double):
    run_id = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"
    run = tracer.run(run_id=run_id, start_time=START).start()
    run.end("failure", end_time=START + dt.timedelta(seconds=2))

    assert double.end.run_id == run_id
    assert double.end.start_time.ToDatetime(dt.UTC) == START
    assert double.end.end_time.ToNanoseconds() - double.end.start_time.ToNanoseconds() == 2_000_000_000


@pytest.mark.parametrize(
    "facts",
    [
        {"run_id": "42"},
        {"start_time": START.replace(tzinfo=None)},
        {"parent": "x"},
        {"lease_seconds": 59},
        {"lease_seconds": 604_801},
    ],
)
def test_an_id_a_time_or_a_lease_that_is_not_of_its_form_is_refused(tracer, facts):
    with pytest.raises(agenttrace.InvalidValueError):
        tracer.run(**facts)


def test_ending_twice_tells_the_end_once(tracer, double):
    with tracer.run() as run:
        run.end("success")

    assert [message.status for message in double.runs] == [run_pb2.RUN_STATUS_RUNNING, run_pb2.RUN_STATUS_SUCCESS]


def test_an_attribute_told_at_the_start_is_not_told_otherwise_at_the_end(tracer, double):
    """A key of a run admits one value: another would make the server reject the end."""
    with tracer.run(attributes={"region": "eu"}) as run:
        run.set(region="us", rows=3)

    assert double.end.attributes["region"].string_value == "eu"
    assert double.end.attributes["rows"].int_value == 3
    assert double.exporter.receipt().refused_attributes == 1


def test_a_decorated_function_runs_in_a_run_of_its_own_each_time(tracer, double):
    @tracer.run
    def agent(word):
        return word, agenttrace.current_run().run_id

    @tracer.run(session_id="s-1")
    async def async_agent():
        return agenttrace.current_run().run_id

    first, second = agent("a"), agent("b")
    third = asyncio.run(async_agent())

    assert (first[0], second[0]) == ("a", "b")
    assert len({first[1], second[1], third}) == 3
    assert {run.run_id: run.session_id for run in double.runs} == {first[1]: "", second[1]: "", third: "s-1"}
    assert agenttrace.current_run() is None


def test_a_decorated_generator_is_one_run_until_it_is_closed(tracer, double):
    @tracer.run
    def tokens():
        yield from "abc"

    items = tokens()
    next(items)
    items.close()

    assert double.end.status == run_pb2.RUN_STATUS_CANCELLED
    assert agenttrace.current_run() is None


def test_a_run_works_in_async_code(tracer, double):
    async def agent():
        async with tracer.run() as run, run.step("model", "answer"):
            await asyncio.sleep(0)

    asyncio.run(agent())

    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS
    assert double.end.expected_step_count == 1


def test_a_user_is_named_by_a_keyed_hash_only(tracer, double):
    key = agenttrace.user_key("user-42", "pepper")
    with tracer.run(user_key=key):
        pass
    with tracer.run(user_key="user-42"):
        pass

    assert len(key) == 64
    assert {run.user_key for run in double.runs} == {key, ""}
    assert agenttrace.user_key("user-42", b"pepper") == key != agenttrace.user_key("user-42", "salt")
