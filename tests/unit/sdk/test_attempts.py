from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections import defaultdict
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agenttrace
from agenttrace.v1 import run_pb2, step_pb2
from unit.sdk.double import Double


def test_each_attempt_is_its_own_step_linked_to_the_first(tracer, double):
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError, max_attempts=5):
            with attempt as step:
                step.set(rows=1)
                if attempt.number < 3:
                    raise TimeoutError

    first, second, third = double.steps
    assert [step.attempt for step in double.steps] == [1, 2, 3]
    assert (first.retry_of_step_id, second.retry_of_step_id, third.retry_of_step_id) == (
        "",
        first.step_id,
        first.step_id,
    )
    assert third.status == step_pb2.STEP_STATUS_OK
    assert [failure.retryable for failure in double.failures] == [True, True]
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_the_last_attempt_re_raises(tracer, double):
    numbers = []

    with pytest.raises(TimeoutError), tracer.run() as run:  # noqa: PT012 - the loop is what raises
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError, max_attempts=2):
            with attempt:
                numbers.append(attempt.number)
                raise TimeoutError

    assert numbers == [1, 2]
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE


def test_another_exception_is_re_raised_at_once(tracer, double):
    with pytest.raises(KeyError), tracer.run() as run:  # noqa: PT012 - the loop is what raises
        for attempt in run.attempts("tool", "search", retry_on=(TimeoutError, OSError)):
            with attempt:
                raise KeyError

    assert len(double.steps) == 1


def test_an_attempt_that_failed_without_an_exception_is_followed_by_the_next(tracer, double):
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", max_attempts=2):
            with attempt as step:
                step.fail("no_seats")

    assert [step.attempt for step in double.steps] == [1, 2]
    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_attempts_whose_error_was_swallowed_after_the_last_leave_the_run_partial(tracer, double):
    with tracer.run() as run, suppress(TimeoutError):
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError, max_attempts=2):
            with attempt:
                raise TimeoutError

    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_what_failed_inside_of_an_attempt_is_tried_again_inside_of_the_next(tracer, double):
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
            with attempt, run.step("plan", "outer"):
                with run.step("retrieve", "hints"):
                    pass
                with run.step("model", "rewrite"):
                    if attempt.number == 1:
                        raise TimeoutError

    told = [(step.name, step.attempt) for step in sorted(double.steps, key=lambda step: step.sequence)]
    first = {step.name: step.step_id for step in double.steps if step.attempt == 1}
    assert told[:4] == [("search", 1), ("outer", 1), ("hints", 1), ("rewrite", 1)]
    assert told[4:] == [("search", 2), ("outer", 2), ("hints", 1), ("rewrite", 2)]
    assert all(step.retry_of_step_id == first[step.name] for step in double.steps if step.attempt == 2)
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_what_the_next_attempt_does_in_another_way_stays_failed(tracer, double):
    """As a fallback without a retry: the step that failed was never made good."""
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
            with attempt, run.step("tool", "primary" if attempt.number == 1 else "fallback"):
                if attempt.number == 1:
                    raise TimeoutError

    assert double.step("fallback").attempt == 1
    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_attempts_inside_of_attempts_count_on(tracer, double):
    numbers = []
    with tracer.run() as run:
        for outer in run.attempts("plan", "outer", retry_on=TimeoutError, max_attempts=2):
            with outer:
                for inner in run.attempts("tool", "inner", retry_on=TimeoutError, max_attempts=2):
                    with inner as step:
                        numbers.append((outer.number, inner.number, step.attempt))
                        if len(numbers) < 4:
                            raise TimeoutError

    assert numbers == [(1, 1, 1), (1, 2, 2), (2, 1, 3), (2, 2, 4)]
    assert len({step.retry_of_step_id for step in double.steps if step.name == "inner" and step.attempt > 1}) == 1
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_what_was_made_good_inside_of_an_attempt_is_new_work_in_the_next(tracer, double):
    with tracer.run() as run:
        for outer in run.attempts("plan", "outer", retry_on=TimeoutError, max_attempts=2):
            with outer:
                for inner in run.attempts("tool", "inner", retry_on=TimeoutError):
                    with inner:
                        if (outer.number, inner.number) == (1, 1):
                            raise TimeoutError
                if outer.number == 1:
                    raise TimeoutError

    assert [step.attempt for step in double.steps if step.name == "inner"] == [1, 2, 1]


def test_steps_that_only_share_a_name_outside_of_attempts_are_no_retries(tracer, double):
    with tracer.run() as run, run.step("plan", "outer"):
        with suppress(TimeoutError), run.step("tool", "search"):
            raise TimeoutError
        with run.step("tool", "search"):
            pass

    assert {step.attempt for step in double.steps} == {1}
    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_attempts_work_in_async_code(tracer, double):
    async def agent():
        async with tracer.run() as run:
            for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
                async with attempt:
                    await asyncio.sleep(0)
                    if attempt.number == 1:
                        raise TimeoutError

    asyncio.run(agent())

    assert [step.attempt for step in double.steps] == [1, 2]


def test_attempts_are_iterated_asynchronously_too(tracer, double):
    async def agent():
        async with tracer.run() as run:
            async for attempt in run.attempts("tool", "search", retry_on=TimeoutError, max_attempts=2):
                async with attempt:
                    await asyncio.sleep(0)
                    raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(agent())

    assert [step.attempt for step in double.steps] == [1, 2]
    assert double.end.status == run_pb2.RUN_STATUS_FAILURE


def test_a_cancelled_attempt_is_not_followed_by_another(tracer, double):
    async def agent():
        async with tracer.run() as run:
            async for attempt in run.attempts("tool", "search"):
                async with attempt:
                    raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(agent())

    assert len(double.steps) == 1
    assert double.end.status == run_pb2.RUN_STATUS_CANCELLED


def test_what_was_handled_inside_of_a_failed_attempt_stays_a_failure_of_the_run(tracer, double):
    """It did not make the attempt fail, so the next attempt does not make it good."""
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
            with attempt:
                with suppress(KeyError), run.step("retrieve", "hints"):
                    raise KeyError
                if attempt.number == 1:
                    raise TimeoutError

    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_attempts_recorded_in_any_order_leave_the_same_status(tracer, double):
    """A replay, or attempts that raced each other, tell the success before the failure it made good."""
    start = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    first, second, third = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
    with tracer.run() as recovered:
        told = {"retry_of_step_id": first}
        recovered.record_step("tool", "x", start, start, step_id=second, attempt=2, **told)
        recovered.record_step("tool", "x", start, start, step_id=first, failure={"code": "timeout"})
    with tracer.run() as failed_again:
        told = {"retry_of_step_id": first}
        failed_again.record_step("tool", "x", start, start, step_id=third, attempt=3, failure={}, **told)
        failed_again.record_step("tool", "x", start, start, step_id=second, attempt=2, **told)

    assert (recovered.status, failed_again.status) == ("success", "partial")


def test_attempts_that_are_never_entered_end(tracer):
    with tracer.run() as run:
        assert len(list(run.attempts("tool", "search"))) == 1  # what was not tried is not retried


def test_loops_of_attempts_run_the_same_when_nothing_is_recorded(monkeypatch, double):
    monkeypatch.setenv("AGENTTRACE_DISABLED", "1")
    outcomes = []
    with agenttrace.Tracer("support", exporter=double.exporter).run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
            with attempt as step:
                outcomes.append(attempt.number)
                if attempt.number == 1:
                    raise TimeoutError
                if attempt.number == 2:
                    step.fail("no_seats")

    assert outcomes == [1, 2, 3]
    assert not double.streams


def programs(depth):
    """Steps: the name of each, in how many attempts at most it is made, which of them fail by themselves,
    whether what escapes the last is handled, and the steps inside of each attempt."""
    inside = programs(depth - 1) if depth else st.just([])
    step = st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sets(st.integers(1, 3)), st.booleans(), inside)
    return st.lists(step, max_size=2)


def carry_out(run, program):
    for name, max_attempts, failing, handled, inside in program:
        with suppress(*([TimeoutError] if handled else [])):
            for attempt in run.attempts("tool", name, retry_on=TimeoutError, max_attempts=max_attempts):
                with attempt:
                    carry_out(run, inside)
                    if attempt.number in failing:
                        raise TimeoutError


def recovered_by_contract(double):
    """Of each failure whether a later attempt of the same step ended OK, from what was sent."""
    steps = {step.step_id: step for step in double.steps}
    failed = [steps[failure.step_id] for failure in double.failures if failure.step_id]
    return [
        any(
            (step.retry_of_step_id or step.step_id) == (other.retry_of_step_id or other.step_id)
            and other.status == step_pb2.STEP_STATUS_OK
            and other.attempt > step.attempt
            for other in steps.values()
        )
        for step in failed
    ]


@settings(max_examples=300, deadline=None)
@given(programs(depth=2))
def test_whatever_happens_the_status_is_what_the_contract_says_of_the_failures(program):
    double = Double()
    tracer = agenttrace.Tracer("support", exporter=double.exporter)
    with suppress(TimeoutError), tracer.run() as run:
        carry_out(run, program)
    tracer.close(5)

    made: defaultdict[str, list[int]] = defaultdict(list)
    for step in sorted(double.steps, key=lambda step: step.sequence):
        made[step.retry_of_step_id or step.step_id].append(step.attempt)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in made.values())
    if run.status != "failure":
        assert (run.status == "success") == all(recovered_by_contract(double))
