"""`agenttrace.wrap`: every call of any callable is a step, and nothing of it is looked at."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import operator
import typing
import weakref
from contextlib import aclosing, suppress

import pytest

import agenttrace
from agenttrace.v1 import run_pb2, step_pb2

CANARY = "my card is 4111 1111 1111 1111"


def search(words: str, limit: int = 3) -> list[str]:
    """Find orders.

    Args:
        words: What to look for.
        limit: How many.
    """
    return [words] * limit


async def look_up(words: str) -> str:
    return words


def pages(count: int) -> typing.Iterator[int]:
    yield from range(count)


async def stream(count: int) -> typing.AsyncIterator[int]:
    for token in range(count):
        yield token


class Mailer:
    signature: str = "x"

    def send(self, text: str) -> int:
        return len(text)

    def __call__(self, text: str) -> int:
        return len(text)


class AsyncMailer:
    async def __call__(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize(
    ("function", "arguments", "result", "name"),
    [
        (search, ("a",), ["a", "a", "a"], "search"),
        (Mailer().send, ("abc",), 3, "send"),
        (Mailer(), ("abc",), 3, "Mailer"),
        (functools.partial(search, limit=1), ("a",), ["a"], "search"),
        (operator.itemgetter(1), ("abc",), "b", "itemgetter"),
        (len, ("abc",), 3, "len"),
        (dict, ([("a", 1)],), {"a": 1}, "dict"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_callable_of_any_kind_is_a_step_by_its_own_name(tracer, double, function, arguments, result, name):
    wrapped = agenttrace.wrap(function)
    with tracer.run():
        assert wrapped(*arguments) == result

    (step,) = double.steps
    assert (step.name, step.type, step.status) == (name, step_pb2.STEP_TYPE_TOOL, step_pb2.STEP_STATUS_OK)


def test_type_name_and_facts_are_told(tracer, double):
    answer = agenttrace.wrap(search, type="model", name="answer", model="gpt-4o", provider="openai")
    with tracer.run():
        answer("a")

    step = double.step("answer")
    assert (step.type, step.model.request_model, step.model.provider) == (step_pb2.STEP_TYPE_MODEL, "gpt-4o", "openai")


@pytest.mark.parametrize("function", [look_up, AsyncMailer(), functools.partial(look_up)])
def test_a_coroutine_function_stays_one_and_its_step_lasts_until_it_is_done(tracer, double, function):
    wrapped = agenttrace.wrap(function, name="slow")

    async def agent():
        async with tracer.run():
            coroutine = wrapped("abc")
            assert not double.exporter.receipt().sent
            return await coroutine

    assert inspect.iscoroutinefunction(wrapped)
    assert asyncio.run(agent()) in {"abc", 3}
    assert double.step("slow").status == step_pb2.STEP_STATUS_OK


def test_generators_stay_generators_and_are_one_step(tracer, double):
    wrapped, wrapped_async = agenttrace.wrap(pages), agenttrace.wrap(stream)

    async def agent():
        return [token async for token in wrapped_async(3)]

    with tracer.run():
        assert list(wrapped(3)) == asyncio.run(agent()) == [0, 1, 2]

    assert inspect.isgeneratorfunction(wrapped)
    assert inspect.isasyncgenfunction(wrapped_async)
    assert sorted(step.name for step in double.steps) == ["pages", "stream"]


def test_what_a_consumer_sends_and_throws_reaches_an_async_generator_which_is_closed_with_it(tracer, double):
    events = []

    @agenttrace.wrap
    async def talk():
        try:
            events.append((yield "ready"))
            try:
                yield "again"
            except KeyError:
                events.append("thrown")
            yield "last"
        finally:
            events.append("closed")

    async def agent():
        async with tracer.run():
            talking = talk()
            said = [await anext(talking), await talking.asend("hello"), await talking.athrow(KeyError())]
            await talking.aclose()
            return said

    assert asyncio.run(agent()) == ["ready", "again", "last"]
    assert events == ["hello", "thrown", "closed"]


def test_a_consumer_that_has_enough_of_a_stream_makes_it_no_failure(tracer, double):
    async def agent():
        async with tracer.run(), aclosing(agenttrace.wrap(stream)(3)) as tokens:
            async for _ in tokens:
                break
            items = agenttrace.wrap(pages)(3)
            next(items)
            items.close()

    asyncio.run(agent())

    assert [step.status for step in double.steps] == [step_pb2.STEP_STATUS_OK] * 2
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_a_failing_async_generator_is_a_failed_step(tracer, double):
    @agenttrace.wrap
    async def broken():
        yield 1
        raise TimeoutError

    async def agent():
        async with tracer.run():
            return [item async for item in broken()]

    with pytest.raises(TimeoutError):
        asyncio.run(agent())

    assert double.step("broken").status == step_pb2.STEP_STATUS_ERROR
    assert double.failures[0].code == "timeout"


def test_frameworks_read_the_same_signature_types_and_docstring():
    for function in (search, look_up, pages, Mailer().send, functools.partial(search, limit=1)):
        assert inspect.signature(agenttrace.wrap(function)) == inspect.signature(function)
    wrapped, wrapped_object = agenttrace.wrap(search), agenttrace.wrap(Mailer())

    assert typing.get_type_hints(wrapped) == {"words": str, "limit": int, "return": list[str]}
    assert typing.get_type_hints(wrapped_object) == {"text": str, "return": int}
    assert inspect.signature(wrapped_object) == inspect.signature(Mailer())
    assert (wrapped.__doc__, wrapped.__name__, wrapped.__module__) == (search.__doc__, "search", search.__module__)


def test_a_wrapped_method_decorates_in_a_class(tracer, double):
    class Agent:
        @agenttrace.wrap
        def answer(self, word):
            return self, word

        lookup = staticmethod(agenttrace.wrap(search))

    agent = Agent()
    with tracer.run():
        assert agent.answer("a") == (agent, "a")
        assert agent.lookup("a", limit=1) == ["a"]

    assert sorted(step.name for step in double.steps) == ["answer", "search"]


def test_an_exception_is_classified_and_goes_on_untouched(tracer, double):
    error = TimeoutError(CANARY)

    def fail(text):
        raise error

    with tracer.run(), pytest.raises(TimeoutError) as caught:
        agenttrace.wrap(fail)(CANARY)

    assert caught.value is error
    assert (double.failures[0].code, double.step("fail").status) == ("timeout", step_pb2.STEP_STATUS_ERROR)


def test_neither_arguments_nor_results_are_looked_at(tracer, double, caplog):
    class Untouchable:
        def __getattribute__(self, name):
            raise AssertionError("looked at")

    caplog.set_level(logging.DEBUG)
    untouchable = Untouchable()
    with tracer.run(), pytest.raises(ValueError, match="card"):  # noqa: PT012 - both kinds of calls
        assert agenttrace.wrap(lambda thing, *, text: thing, name="echo")(untouchable, text=CANARY) is untouchable
        agenttrace.wrap(int, name="parse")(CANARY + " card")

    wire = b"".join(message.SerializeToString() for message in double.messages)
    assert b"echo" in wire
    assert b"card" not in wire + caplog.text.encode()


def test_a_callable_whose_name_is_no_token_is_recorded_as_invalid_name(tracer, double):
    with tracer.run():
        agenttrace.wrap(lambda: 1)()

    assert [step.name for step in double.steps] == ["invalid_name"]


def flaky(*outcomes):
    """A function that fails or returns as told, one call after the other."""
    coming = iter(outcomes)

    def call():
        outcome = next(coming)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call


def test_calls_that_a_framework_makes_again_are_attempts_at_the_same_work(tracer, double):
    call = agenttrace.wrap(flaky(TimeoutError(), KeyError(), 1, 2), name="flaky", retries=True)
    with tracer.run():
        for _ in range(2):
            with pytest.raises((TimeoutError, KeyError)):
                call()
        assert call() + call() == 3

    first, second, third, fourth = double.steps
    assert [step.attempt for step in double.steps] == [1, 2, 3, 1]
    assert {second.retry_of_step_id, third.retry_of_step_id} == {first.step_id}
    assert (first.retry_of_step_id, fourth.retry_of_step_id) == ("", "")
    assert double.end.status == run_pb2.RUN_STATUS_SUCCESS


def test_a_failed_call_is_not_repeated_by_one_of_another_run(tracer, double):
    call = agenttrace.wrap(flaky(TimeoutError(), 1), name="flaky", retries=True)
    with tracer.run(), pytest.raises(TimeoutError):
        call()
    with tracer.run():
        call()

    assert [step.attempt for step in double.steps] == [1, 1]


def test_a_failed_call_keeps_no_run_alive(tracer):
    call = agenttrace.wrap(flaky(TimeoutError()), name="flaky", retries=True)
    with tracer.run() as run, suppress(TimeoutError):
        call()
    tracer.flush()
    forgotten = weakref.ref(run)
    del run
    gc.collect()

    assert forgotten() is None


def test_without_it_each_call_is_work_of_its_own(tracer, double):
    call = agenttrace.wrap(flaky(TimeoutError(), 1), name="flaky")
    with tracer.run():
        with pytest.raises(TimeoutError):
            call()
        call()

    assert [step.attempt for step in double.steps] == [1, 1]
    assert double.end.status == run_pb2.RUN_STATUS_PARTIAL


def test_parallel_calls_repeat_a_failed_one_once(tracer, double):
    async def fail_first(number):
        await asyncio.sleep(0)
        if not number:
            raise TimeoutError

    call = agenttrace.wrap(fail_first, retries=True)

    async def agent():
        async with tracer.run():
            with pytest.raises(TimeoutError):
                await call(0)
            await asyncio.gather(call(1), call(2))

    asyncio.run(agent())

    assert sorted(step.attempt for step in double.steps) == [1, 1, 2]


def test_retries_outside_of_a_run_and_disabled_are_only_calls(monkeypatch, double):
    call = agenttrace.wrap(flaky(TimeoutError(), TimeoutError(), 1), name="flaky", retries=True)
    monkeypatch.setenv("AGENTTRACE_DISABLED", "1")
    with pytest.raises(TimeoutError):
        call()
    with agenttrace.Tracer("support", exporter=double.exporter).run():
        with pytest.raises(TimeoutError):
            call()
        assert call() == 1

    assert not double.streams


def test_outside_of_a_run_it_only_calls():
    assert agenttrace.wrap(search)("a", limit=1) == ["a"]
