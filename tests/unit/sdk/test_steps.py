from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from contextlib import suppress

import pytest

import agenttrace
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2


def test_a_step_carries_what_was_told_of_it(tracer, double):
    with tracer.run() as run, run.step("model", "answer", model="gpt-4o", provider="openai") as step:
        step.set(http_status=200, cached=True, temperature=0.5, region="eu")
        step.usage(input_tokens=812, output_tokens=0, input_includes_cached=True)
        step.tell(response_model="gpt-4o-2024", finish_reason="stop", time_to_first_token_seconds=0.25)
        step.cost_micro_usd = 1200

    told = double.step("answer")
    assert (told.run_id, told.step_id) == (run.run_id, step.step_id)
    assert (told.type, told.status, told.attempt) == (step_pb2.STEP_TYPE_MODEL, step_pb2.STEP_STATUS_OK, 1)
    assert (told.model.provider, told.model.request_model, told.model.response_model) == (
        "openai",
        "gpt-4o",
        "gpt-4o-2024",
    )
    assert (told.model.usage.input_tokens, told.model.usage.output_tokens) == (812, 0)
    assert told.model.usage.HasField("output_tokens")
    assert not told.model.usage.HasField("cache_read_tokens")
    assert told.model.usage.input_token_semantics == step_pb2.INPUT_TOKEN_SEMANTICS_INCLUDES_CACHED
    assert (told.model.finish_reason, told.model.cost_micro_usd) == ("stop", 1200)
    assert told.model.time_to_first_token.ToMilliseconds() == 250
    assert told.attributes["http_status"].int_value == 200
    assert told.attributes["cached"].bool_value is True
    assert told.attributes["temperature"].double_value == 0.5
    assert told.attributes["region"].string_value == "eu"
    assert not told.HasField("tool")
    assert not told.HasField("retrieval")


def test_a_retrieval_tells_its_source_and_its_finds(tracer, double):
    with tracer.run() as run, run.step("retrieve", "articles") as step:
        step.retrieval(source="help", result_count=0)

    assert double.step("articles").retrieval == step_pb2.Retrieval(source="help", result_count=0)


def test_steps_are_nested_and_numbered_in_the_order_they_begin(tracer, double):
    with tracer.run() as run:
        with run.step("plan", "outer"), agenttrace.step("tool", "inner"):
            pass
        with run.step("tool", "after"):
            pass

    outer, inner, after = double.step("outer"), double.step("inner"), double.step("after")
    assert (outer.sequence, inner.sequence, after.sequence) == (0, 1, 2)
    assert (outer.parent_step_id, inner.parent_step_id, after.parent_step_id) == ("", outer.step_id, "")


def test_steps_of_parallel_tasks_are_nested_in_what_started_them(tracer, double):
    async def work(name):
        async with agenttrace.step("tool", name):
            await asyncio.sleep(0)

    async def agent():
        async with tracer.run() as run, run.step("plan", "fan_out"):
            await asyncio.gather(work("a"), work("b"))

    asyncio.run(agent())

    parent = double.step("fan_out").step_id
    assert {step.name: step.parent_step_id for step in double.steps} == {"fan_out": "", "a": parent, "b": parent}


def test_a_thread_with_a_copied_context_is_inside_the_step(tracer, double):
    def work():
        with agenttrace.step("tool", "threaded"):
            pass

    with tracer.run() as run, run.step("plan", "outer"):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        thread.start()
        thread.join()

    assert double.step("threaded").parent_step_id == double.step("outer").step_id


def test_generators_that_run_by_turns_leave_the_right_step_current(tracer, double):
    @agenttrace.step("tool")
    def pages():
        yield from "ab"

    with tracer.run() as run:
        first, second = pages(), pages()
        next(first), next(second)
        list(first), list(second)
        assert agenttrace.current_run() is run
        with agenttrace.step("tool", "after"):
            pass

    assert double.step("after").parent_step_id == ""


def test_an_exception_makes_a_step_an_error_and_goes_on_untouched(tracer, double):
    error = TimeoutError("a secret of the host")

    with tracer.run() as run, pytest.raises(TimeoutError) as caught, run.step("tool", "search") as step:  # noqa: PT012
        step.set(http_status=504, rows=1)
        raise error

    assert caught.value is error
    told, (failure,) = double.step("search"), double.failures
    assert told.status == step_pb2.STEP_STATUS_ERROR
    assert (failure.run_id, failure.step_id) == (run.run_id, told.step_id)
    assert (failure.type, failure.code) == (failure_pb2.FAILURE_TYPE_TOOL, "timeout")
    assert (failure.exception_type, failure.http_status) == ("TimeoutError", 504)
    assert failure.occur_time == told.end_time
    assert set(told.attributes) == {"rows"}
    assert not failure.HasField("retryable")


@pytest.mark.parametrize(
    ("step_type", "failure_type"),
    [
        ("tool", "TOOL"),
        ("retrieve", "RETRIEVAL"),
        ("model", "MODEL"),
        ("respond", "MODEL"),
        ("plan", "ORCHESTRATION"),
        ("handoff", "ORCHESTRATION"),
        ("guardrail", "ORCHESTRATION"),
        ("other", "ORCHESTRATION"),
    ],
)
def test_the_type_of_a_failure_follows_from_the_type_of_its_step(tracer, double, step_type, failure_type):
    with tracer.run() as run, pytest.raises(ValueError), run.step(step_type, "x"):  # noqa: PT011
        raise ValueError

    assert failure_pb2.FailureType.Name(double.failures[0].type) == f"FAILURE_TYPE_{failure_type}"


def test_text_of_an_exception_is_never_read(tracer, double):
    class Unreadable(Exception):
        def __str__(self):
            raise AssertionError("read")

        __repr__ = __str__

        @property
        def args(self):
            raise AssertionError("read")

    with tracer.run() as run, pytest.raises(Unreadable), run.step("tool", "x"):
        raise Unreadable

    assert double.failures[0].code == "uncaught_exception"
    assert double.failures[0].exception_type == ""  # its name has <locals> in it, which makes it no token


def test_the_failure_of_an_outer_step_names_the_inner_one_as_its_cause(tracer, double):
    with tracer.run() as run, pytest.raises(json.JSONDecodeError), run.step("plan", "outer"), run.step("tool", "inner"):
        json.loads("{")

    inner, outer = double.failures
    assert (inner.code, inner.caused_by_failure_id) == ("schema_invalid", "")
    assert (outer.code, outer.caused_by_failure_id) == ("schema_invalid", inner.failure_id)
    assert outer.step_id == double.step("outer").step_id


def test_the_failure_around_a_group_of_tasks_names_the_task_that_failed_first(tracer, double):
    async def fail():
        async with agenttrace.step("tool", "failing"):
            raise TimeoutError

    async def wait():
        async with agenttrace.step("tool", "cancelled_by_it"):
            await asyncio.sleep(60)

    async def agent():
        async with tracer.run() as run, run.step("plan", "fan_out"), asyncio.TaskGroup() as group:
            group.create_task(wait())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        asyncio.run(agent())

    failures = {failure.step_id: failure for failure in double.failures}
    failing, outer = (failures[double.step(name).step_id] for name in ("failing", "fan_out"))
    assert {failure.code for failure in failures.values()} == {"timeout", "cancelled"}
    assert (outer.code, outer.caused_by_failure_id) == ("timeout", failing.failure_id)
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE


def test_the_statuses_that_an_exception_carries_are_told_with_its_failure(tracer, double):
    refused = type("Refused", (Exception,), {"status_code": 429, "__module__": "somewhere"})
    with tracer.run() as run:
        with pytest.raises(refused), run.step("model", "answer"):
            raise refused
        with pytest.raises(refused), run.step("model", "answer") as step:  # noqa: PT012
            step.set(http_status=503)  # what the host tells counts
            raise refused

    assert [(failure.code, failure.http_status) for failure in double.failures] == [
        ("rate_limited", 429),
        ("rate_limited", 503),
    ]


def test_another_exception_later_is_not_said_to_be_caused_by_a_handled_one(tracer, double):
    with tracer.run() as run, pytest.raises(ValueError), run.step("plan", "outer"):  # noqa: PT011, PT012
        with suppress(KeyError), run.step("tool", "handled"):
            raise KeyError
        with run.step("tool", "fine"):
            pass
        raise ValueError

    assert [failure.caused_by_failure_id for failure in double.failures] == ["", ""]


def test_a_step_can_fail_without_an_exception(tracer, double):
    with tracer.run() as run, run.step("tool", "search") as step:
        step.fail("no_seats", http_status=409, retryable=False)

    (failure,) = double.failures
    assert double.step("search").status == step_pb2.STEP_STATUS_ERROR
    assert (failure.code, failure.http_status, failure.retryable) == ("no_seats", 409, False)
    assert failure.type == failure_pb2.FAILURE_TYPE_TOOL


def test_a_decorated_function_is_a_step_by_its_own_name(tracer, double):
    @agenttrace.step("tool")
    def search_orders(number):
        return number + 1

    @agenttrace.step("retrieve", "articles")
    async def look_up():
        return "found"

    @agenttrace.step("model")
    async def stream():
        for token in "ab":
            yield token

    async def agent():
        async with tracer.run():
            return search_orders(1), await look_up(), [token async for token in stream()]

    assert asyncio.run(agent()) == (2, "found", ["a", "b"])
    assert sorted(step.name for step in double.steps) == ["articles", "search_orders", "stream"]


def test_a_decorated_function_tells_more_about_its_step(tracer, double):
    @agenttrace.step("model")
    def answer():
        agenttrace.current_step().usage(input_tokens=5).set(cached=True)

    with tracer.run():
        answer()
        agenttrace.current_step().set(cached=True).fail("timeout")  # in no step: nothing is told
    agenttrace.current_step().usage(input_tokens=7)

    assert double.step("answer").model.usage.input_tokens == 5
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_a_step_of_a_run_decorates_too_and_each_call_is_its_own_step(tracer, double):
    with tracer.run() as run:

        @run.step("tool", "search")
        def search():
            return 1

        assert search() + search() == 2

    assert len({step.step_id for step in double.steps}) == 2


def test_a_step_outside_of_a_run_does_nothing_and_is_warned_of_once(caplog):
    from agenttrace import current

    current._notices.start_over()

    for _ in range(2):
        with agenttrace.step("tool", "x") as step:
            step.set(rows=1).usage(input_tokens=1)
            step.fail("timeout")

    assert len(caplog.records) == 1
    assert not step.failed


def test_what_is_told_after_the_end_is_ignored(tracer, double):
    with tracer.run() as run:
        with run.step("tool", "x") as step:
            pass
        step.set(rows=1).usage(input_tokens=5)
        step.fail("timeout")

    assert not double.step("x").attributes
    assert not double.failures
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS
