"""Listings of steps: of one run in its order, across runs run by run, each step once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from agenttrace_server.read_records import Page, RunFilter, RunKey, StepFilter, StepPosition, StepSelection, StoredStep
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.steps import StepStore, windows


def listing(read: Any, selection: StepSelection, size: int = 200, scan_rows: int = 20_000) -> list[UUID]:
    """All steps of a listing, page by page."""

    async def act(database: ReadDatabase) -> list[UUID]:
        store, found = StepStore(database, scan_rows=scan_rows), []
        page: Page[StoredStep, StepPosition] = await store.page(1, selection, None, size)
        found += [step.step_id for step in page.rows]
        while page.next is not None:
            page = await store.page(1, selection, page.next, size)
            assert len(page.rows) <= size
            found += [step.step_id for step in page.rows]
        return found

    found: list[UUID] = read(act)
    return found


def many_runs(rows: Any, runs: int = 12) -> list[UUID]:
    """Runs with none to nine steps, some at the same place; the steps' ids in the order of a listing."""
    dice, expected = random.Random(7), []
    for number in range(runs):
        run_id = rows.run(-number // 2)
        places = [(dice.randrange(3), dice.randrange(3)) for _ in range(dice.randrange(10))]
        steps = [(s, t, rows.step(run_id, t, sequence=s)) for s, t in places]
        expected.append((-number // 2, run_id, [step_id for *_, step_id in sorted(steps)]))
    ordered = sorted(expected, key=lambda entry: entry[:2], reverse=True)
    return [step_id for *_, steps in ordered for step_id in steps]


def test_the_steps_of_a_run_come_in_their_order(read: Any, rows: Any) -> None:
    """By sequence, then start, then id; in pages of every size."""
    run_id, other = rows.run(), rows.run()
    rows.step(other)
    steps = [(s, t, rows.step(run_id, t, sequence=s)) for s in (2, 0, 1) for t in (5, 3, 3, 3)]
    expected = [step_id for *_, step_id in sorted(steps)]

    for size in (1, 2, 5, 12, 13):
        assert listing(read, StepSelection(run_id=str(run_id)), size) == expected


def test_the_steps_of_a_run_that_is_not_there_are_an_empty_listing(read: Any, rows: Any) -> None:
    assert listing(read, StepSelection(run_id=str(UUID(int=1)))) == []


@pytest.mark.parametrize("scan_rows", [20_000, 25, 1])
@pytest.mark.parametrize("size", [1, 3, 200])
def test_steps_across_runs_come_run_by_run(read: Any, rows: Any, size: int, scan_rows: int) -> None:
    """Newest run first; whatever a chunk may read, nothing is left out and nothing comes twice."""
    expected = many_runs(rows)

    assert listing(read, StepSelection(), size, scan_rows) == expected


def test_a_listing_goes_on_behind_every_step(read: Any, rows: Any) -> None:
    expected = many_runs(rows)

    async def act(database: ReadDatabase) -> list[list[UUID]]:
        store = StepStore(database)
        whole = (await store.page(1, StepSelection(), None, 1000)).rows
        rests = [await store.page(1, StepSelection(), step.position, 1000) for step in whole]
        return [[step.step_id for step in rest.rows] for rest in rests]

    assert read(act) == [expected[place + 1 :] for place in range(len(expected))]


def test_every_filter_selects_exactly(read: Any, rows: Any) -> None:
    run_id = rows.run(10, agent_id="billing")
    tool = rows.step(run_id, 0, name="search", type="TOOL", seconds=9)
    named = rows.step(run_id, 1, name="call", type="TOOL", tool_name="search.v2")
    model = rows.step(run_id, 2, name="draft", type="MODEL", request_model="m-1", response_model="m-1-0301")
    asked = rows.step(run_id, 3, name="draft", type="MODEL", request_model="m-1", status="ERROR")
    retry = rows.step(run_id, 4, name="draft", type="MODEL", attempt=2, retry_of_step_id=asked)
    plan = rows.step(rows.run(5), 5, name="search", type="PLAN")

    for fields, expected in [
        ({"types": ["TOOL"]}, [tool, named]),
        ({"types": ["MODEL", "PLAN"]}, [model, asked, retry, plan]),
        ({"statuses": ["ERROR"]}, [asked]),
        ({"names": ["search"]}, [tool, plan]),
        ({"models": ["m-1"]}, [asked]),
        ({"models": ["m-1-0301", "m-1"]}, [model, asked]),
        ({"tools": ["search"]}, [tool]),
        ({"tools": ["search.v2", "call"]}, [named]),
        ({"min_duration": timedelta(seconds=9)}, [tool]),
        ({"is_retry": True}, [retry]),
        ({"is_retry": False, "types": ["MODEL"]}, [model, asked]),
    ]:
        for size, scan_rows in [(200, 20_000), (1, 2)]:
            assert listing(read, StepSelection(step_filter=StepFilter(**fields)), size, scan_rows) == expected, fields
            of_run = StepSelection(run_id=str(run_id), step_filter=StepFilter(**fields))
            assert listing(read, of_run, size) == [step for step in expected if step != plan]


def test_steps_of_selected_runs(read: Any, rows: Any) -> None:
    wanted = rows.step(rows.run(10, agent_id="billing", tags=["t"]))
    rows.step(rows.run(20))
    for second in range(30, 60):
        rows.run(second)

    indexed = StepSelection(run_filter=RunFilter(agent_ids=["billing"]))
    scanned = StepSelection(run_filter=RunFilter(tags=["t"]))

    assert listing(read, indexed) == [wanted]
    assert listing(read, scanned, 1, scan_rows=10) == [wanted]


def test_a_chunk_that_finds_nothing_says_where_to_go_on(read: Any, rows: Any) -> None:
    wanted = rows.step(rows.run(0), status="ERROR")
    for second in range(1, 11):
        run_id = rows.run(second)
        for _ in range(5):
            rows.step(run_id)

    async def act(database: ReadDatabase) -> list[int]:
        store, lengths = StepStore(database, scan_rows=20), []
        selection = StepSelection(step_filter=StepFilter(statuses=["ERROR"]))
        page = await store.page(1, selection, None, 10)
        lengths.append(len(page.rows))
        while page.next is not None:
            page = await store.page(1, selection, page.next, 10)
            lengths.append(len(page.rows))
        return lengths

    assert read(act) == [0, 0, 1]
    assert listing(read, StepSelection(step_filter=StepFilter(statuses=["ERROR"])), 10, 20) == [wanted]


def test_everything_of_a_step_is_read(read: Any, rows: Any) -> None:
    run_id = rows.run()
    told = {
        "provider": "openai",
        "input_tokens": 5,
        "time_to_first_token": timedelta(microseconds=1),
        "result_count": 0,
    }
    rows.step(
        run_id, **told, attributes={"whole": 1, "part": 1.0, "text": "1"}, input_token_semantics="INCLUDES_CACHED"
    )

    async def act(database: ReadDatabase) -> StoredStep:
        return (await StepStore(database).page(1, StepSelection(run_id=str(run_id)), None, 1)).rows[0]

    step = read(act)

    assert {name: getattr(step, name) for name in told} == told
    assert [(type(value), value) for value in step.attributes.values()] != []
    assert (type(step.attributes["whole"]), type(step.attributes["part"])) == (int, float)
    assert (step.output_tokens, step.cost_micro_usd) == (None, None)


def keys(*step_counts: int) -> list[RunKey]:
    return [RunKey(UUID(int=number), None, None, count) for number, count in enumerate(step_counts)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step_counts", "expected"),
    [
        ([], []),
        ([0, 0], [2]),
        ([5], [1]),
        ([500], [1]),
        ([3, 3, 3], [1, 2]),
        ([1, 1, 1, 1, 50], [3, 2]),
        ([60, 60], [1]),
        ([60, 39, 2], [1, 1]),
    ],
)
def test_windows_grow_and_stay_within_what_a_chunk_may_read(step_counts: list[int], expected: list[int]) -> None:
    assert [len(window) for window in windows(keys(*step_counts), 3, 100)] == expected
