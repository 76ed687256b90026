from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from agenttrace.v1 import run_pb2, step_pb2


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


def test_what_failed_inside_of_an_attempt_is_made_good_with_it(tracer, double):
    with tracer.run() as run:
        for attempt in run.attempts("tool", "search", retry_on=TimeoutError):
            with attempt, run.step("model", "rewrite"):
                if attempt.number == 1:
                    raise TimeoutError

    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


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


def test_attempts_that_are_never_entered_end(tracer):
    with tracer.run() as run:
        assert len(list(run.attempts("tool", "search"))) == 1  # what was not tried is not retried


def test_loops_of_attempts_run_the_same_when_nothing_is_recorded(monkeypatch, double):
    monkeypatch.setenv("AGENTTRACE_DISABLED", "1")
    import agenttrace

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
