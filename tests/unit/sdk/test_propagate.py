"""The current run in other threads, tasks and executors."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import agenttrace


@agenttrace.step("tool")
def work(number):
    return number + 1


def parents(double):
    return {step.name: step.parent_step_id for step in double.steps}


def test_an_executor_works_inside_the_step_that_gave_the_work(tracer, double):
    with tracer.run() as run, ThreadPoolExecutor(4) as pool:
        with run.step("plan", "fan_out"):
            assert list(pool.map(agenttrace.propagate(work), range(8))) == list(range(1, 9))
        assert pool.submit(agenttrace.current_run).result() is None

    parent = double.step("fan_out").step_id
    assert [step.parent_step_id for step in double.steps if step.name == "work"] == [parent] * 8
    assert double.end.expected_step_count == 9


def test_without_propagation_an_executor_is_outside(tracer, double):
    with tracer.run(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, 1).result() == 2

    assert not double.steps


def test_a_thread_is_inside_and_leaves_its_own_context_as_it_was(tracer, double):
    seen = []

    def agent():
        with tracer.run() as own:
            inside()
            seen.append(agenttrace.current_run() is own)

    with tracer.run() as run, run.step("plan", "outer"):
        inside = agenttrace.propagate(lambda: seen.append(agenttrace.current_run() is run))
        thread = threading.Thread(target=agent)
        thread.start()
        thread.join()

    assert seen == [True, True]


def test_an_exception_goes_through_and_the_thread_is_outside_again(tracer):
    def fail():
        raise KeyError

    with tracer.run(), ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyError):
            pool.submit(agenttrace.propagate(fail)).result()
        assert pool.submit(agenttrace.current_run).result() is None


def test_tasks_and_asyncios_own_threads_need_no_help(tracer, double):
    async def agent():
        async with tracer.run() as run, run.step("plan", "outer"):
            await asyncio.to_thread(work, 1)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(work, 2))

    asyncio.run(agent())

    assert parents(double) == {"outer": "", "work": double.step("outer").step_id}


def test_a_coroutine_for_the_loop_of_another_thread_is_inside(tracer, double):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def look_up():
        async with agenttrace.step("retrieve", "articles"):
            await asyncio.sleep(0)

    with tracer.run() as run, run.step("plan", "outer"):
        asyncio.run_coroutine_threadsafe(agenttrace.propagate(look_up)(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert parents(double)["articles"] == double.step("outer").step_id


def test_outside_of_a_run_it_changes_nothing():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(agenttrace.propagate(agenttrace.current_run)).result() is None
