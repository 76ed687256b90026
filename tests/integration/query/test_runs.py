"""Listings of runs: every filter selects exactly, and every run is listed once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from agenttrace_server.read_records import Page, RunFilter, RunPosition, StoredRun
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.runs import RunStore

Runs = Sequence[StoredRun]


async def listed(store: RunStore, run_filter: RunFilter, size: int = 100) -> list[UUID]:
    """All runs of a listing, page by page."""
    found: list[UUID] = []
    page: Page[StoredRun, RunPosition] = Page([], None)
    while True:
        page = await store.page(1, run_filter, page.next, size)
        found += [run.run_id for run in page.rows]
        if page.next is None:
            return found


def listing(read: Any, run_filter: RunFilter, **options: Any) -> list[UUID]:
    async def act(database: ReadDatabase) -> list[UUID]:
        return await listed(RunStore(database, scan_rows=options.pop("scan_rows", 20_000)), run_filter, **options)

    found: list[UUID] = read(act)
    return found


@pytest.fixture
def known(rows: Any) -> dict[str, UUID]:
    """Runs that differ in what filters look at."""
    plain = rows.run(100)
    dressed = rows.run(
        90,
        agent_id="billing",
        agent_version="2.0",
        environment="staging",
        status="PARTIAL",
        seconds=5,
        session_id="s-1",
        user_key="a" * 64,
        parent_run_id=plain,
        tags=["blue", "green"],
        attributes={"region": "eu", "size": 3, "share": 1.5, "cold": True, "big": 2**62},
        expected_step_count=5,
    )
    running = rows.run(80, seconds=None, expected_step_count=5)
    abandoned = rows.run(70, seconds=None, status="ABANDONED", agent_id=None)
    failed = rows.run(60, status="FAILURE", seconds=0, expected_step_count=1)
    first = rows.step(failed, status="ERROR")
    rows.step(failed, attempt=2, retry_of_step_id=first)
    rows.failure(failed, first, code="timeout")
    rows.failure(failed, first, type="MODEL", code="rate_limited")
    rows.failure(abandoned, type="ORCHESTRATION", code="loop")
    return {"plain": plain, "dressed": dressed, "running": running, "abandoned": abandoned, "failed": failed}


ALL = ["plain", "dressed", "running", "abandoned", "failed"]
FILTERS: list[tuple[RunFilter, list[str]]] = [
    (RunFilter(), ALL),
    (RunFilter(agent_ids=["billing"]), ["dressed"]),
    (RunFilter(agent_ids=["billing", "support", "nobody"]), ["plain", "dressed", "running", "failed"]),
    (RunFilter(agent_versions=["2.0", "9"]), ["dressed"]),
    (RunFilter(environments=["staging"]), ["dressed"]),
    (RunFilter(environments=["production"]), ["plain", "running", "abandoned", "failed"]),
    (RunFilter(environments=["production", "staging"]), ALL),
    (RunFilter(statuses=["RUNNING", "ABANDONED"]), ["running", "abandoned"]),
    (RunFilter(statuses=["SUCCESS", "FAILURE"]), ["plain", "failed"]),
    (RunFilter(failure_types=["TOOL"]), ["failed"]),
    (RunFilter(failure_types=["MODEL"]), ["failed"]),
    (RunFilter(failure_types=["RETRIEVAL"]), []),
    (RunFilter(failure_types=["ORCHESTRATION"]), ["abandoned"]),
    (RunFilter(failure_types=["ORCHESTRATION", "MODEL", "TOOL"]), ["abandoned", "failed"]),
    (RunFilter(failure_codes=["loop", "nothing"]), ["abandoned"]),
    (RunFilter(min_duration=timedelta(seconds=60)), ["plain"]),
    (RunFilter(max_duration=timedelta(seconds=5)), ["dressed", "failed"]),
    (RunFilter(min_duration=timedelta(seconds=5), max_duration=timedelta(seconds=5)), ["dressed"]),
    (RunFilter(session_id="s-1"), ["dressed"]),
    (RunFilter(tags=["green"]), ["dressed"]),
    (RunFilter(tags=["green", "blue"]), ["dressed"]),
    (RunFilter(tags=["green", "red"]), []),
    (RunFilter(attributes={"region": "eu"}), ["dressed"]),
    (RunFilter(attributes={"region": "us"}), []),
    (RunFilter(attributes={"size": 3}), ["dressed"]),
    (RunFilter(attributes={"size": 3.0}), ["dressed"]),
    (RunFilter(attributes={"size": "3"}), []),
    (RunFilter(attributes={"share": 1.5, "cold": True}), ["dressed"]),
    (RunFilter(attributes={"cold": False}), []),
    (RunFilter(attributes={"cold": 1}), []),
    (RunFilter(attributes={"big": 2**62}), ["dressed"]),
    (RunFilter(attributes={"big": 2**62 + 1}), []),
    (RunFilter(has_retries=True), ["failed"]),
    (RunFilter(has_retries=False), ["plain", "dressed", "running", "abandoned"]),
    (RunFilter(incomplete=True), ["dressed"]),
    (RunFilter(incomplete=False), ["plain", "running", "abandoned", "failed"]),
    (RunFilter(user_key="a" * 64), ["dressed"]),
    (RunFilter(statuses=["PARTIAL"], agent_ids=["billing"], session_id="s-1", environments=["staging"]), ["dressed"]),
    (RunFilter(statuses=["PARTIAL"], agent_ids=["support"]), []),
]


def test_every_filter_selects_exactly(read: Any, rows: Any, known: dict[str, UUID]) -> None:
    """In order, and the same whether a chunk reads everything at once or two rows at a time."""
    names = {run_id: name for name, run_id in known.items()}
    times = RunFilter(start_time_from=rows.at(70), start_time_before=rows.at(90))
    children = RunFilter(parent_run_id=str(known["plain"]))

    for run_filter, expected in [*FILTERS, (times, ["running", "abandoned"]), (children, ["dressed"])]:
        for scan_rows, size in [(20_000, 100), (2, 1), (1, 3)]:
            found = [names[run_id] for run_id in listing(read, run_filter, scan_rows=scan_rows, size=size)]
            assert found == expected, run_filter


def test_a_code_beyond_the_first_8_of_a_run_is_found(read: Any, rows: Any) -> None:
    """The run itself keeps only 8 codes."""
    run_id = rows.run()
    for number in range(9):
        rows.failure(run_id, code=f"code_{number}")

    assert listing(read, RunFilter(failure_codes=["code_8"])) == [run_id]
    assert listing(read, RunFilter(failure_codes=["code_9"])) == []


def test_everything_of_a_run_is_read(read: Any, known: dict[str, UUID]) -> None:
    async def act(database: ReadDatabase) -> Runs:
        return await RunStore(database).by_ids(1, list(known.values()), RunFilter())

    by_name = {run.run_id: run for run in read(act)}
    dressed, failed = by_name[known["dressed"]], by_name[known["failed"]]

    assert dressed.attributes == {"region": "eu", "size": 3, "share": 1.5, "cold": True, "big": 2**62}
    assert (dressed.tags, dressed.environment, dressed.parent_run_id) == (["blue", "green"], "staging", known["plain"])
    assert (failed.step_count, failed.failed_step_count, failed.retry_count, failed.failure_count) == (2, 1, 1, 2)
    assert (failed.failure_types, failed.failure_codes) == (["MODEL", "TOOL"], ["rate_limited", "timeout"])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_a_full_last_page_ends_the_listing(read: Any, rows: Any, size: int) -> None:
    expected = [rows.run() for _ in range(6)][::-1]

    async def act(database: ReadDatabase) -> list[int]:
        lengths, page = [], await RunStore(database).page(1, RunFilter(), None, size)
        lengths.append(len(page.rows))
        while page.next is not None:
            page = await RunStore(database).page(1, RunFilter(), page.next, size)
            lengths.append(len(page.rows))
        return lengths

    assert listing(read, RunFilter(), size=size) == expected
    assert 0 not in read(act)


def test_runs_that_start_at_the_same_time_are_all_listed(read: Any, rows: Any) -> None:
    expected = sorted((rows.run(0) for _ in range(20)), reverse=True)

    assert listing(read, RunFilter(), size=3) == expected
    assert listing(read, RunFilter(agent_ids=["support", "other"]), size=3) == expected


def test_a_chunk_that_finds_nothing_says_where_to_go_on(read: Any, rows: Any) -> None:
    wanted = rows.run(0, tags=["rare"])
    for second in range(1, 26):
        rows.run(second)

    async def act(database: ReadDatabase) -> list[tuple[int, bool]]:
        store, found = RunStore(database, scan_rows=10), []
        page = await store.page(1, RunFilter(tags=["rare"]), None, 5)
        found.append((len(page.rows), page.next is not None))
        while page.next is not None:
            page = await store.page(1, RunFilter(tags=["rare"]), page.next, 5)
            found.append((len(page.rows), page.next is not None))
        return found

    assert read(act) == [(0, True), (0, True), (1, False)]
    assert listing(read, RunFilter(tags=["rare"]), scan_rows=10) == [wanted]


@pytest.mark.parametrize(
    "run_filter", [RunFilter(), RunFilter(agent_ids=["support", "billing"]), RunFilter(tags=["t"])]
)
def test_runs_that_arrive_meanwhile_neither_hide_nor_repeat_others(read: Any, rows: Any, run_filter: RunFilter) -> None:
    """New runs before, behind and at the place where the listing stands."""
    before = {rows.run(second, tags=["t"]) for second in range(0, 200, 2)}

    async def act(database: ReadDatabase) -> list[UUID]:
        store, found, odd = RunStore(database, scan_rows=15), [], 199
        page: Page[StoredRun, RunPosition] = Page([], RunPosition(rows.at(10_000), UUID(int=0)))
        while page.next is not None:
            page = await store.page(1, run_filter, page.next, 7)
            found += [run.run_id for run in page.rows]
            for second in (odd, 200 - odd, page.rows[-1].start_time.timestamp() if page.rows else 0):
                rows.run(second % 300, tags=["t"])
            odd -= 2
        return found

    found = read(act)

    assert before <= set(found)
    assert len(found) == len(set(found))


def test_by_ids_gives_those_that_the_filter_selects_now(read: Any, known: dict[str, UUID]) -> None:
    async def act(database: ReadDatabase) -> list[UUID]:
        ids = [*known.values(), UUID(int=1)]
        found = await RunStore(database).by_ids(1, ids, RunFilter(environments=["staging"], tags=["blue"]))
        return [run.run_id for run in found]

    assert read(act) == [known["dressed"]]


def test_a_project_sees_nothing_of_another(read: Any, rows: Any, connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO projects (name) VALUES ('other')")
    theirs = rows.run(project_id=2)

    async def act(database: ReadDatabase) -> tuple[list[UUID], Runs, Runs]:
        store = RunStore(database)
        page = await store.page(2, RunFilter(), None, 10)
        return await listed(store, RunFilter()), page.rows, await store.by_ids(1, [theirs], RunFilter())

    ours, of_theirs, by_id = read(act)

    assert (ours, [run.run_id for run in of_theirs], by_id) == ([], [theirs], [])


def test_a_filter_value_is_never_sql(read: Any, rows: Any) -> None:
    """Values that the contract refuses before they come here."""
    rows.run()
    hostile = "' OR true; -- %(limit)s {scan}"

    for fields in [
        {"agent_ids": [hostile]},
        {"session_id": hostile},
        {"tags": [hostile]},
        {"attributes": {hostile: hostile}},
    ]:
        assert listing(read, RunFilter(**fields)) == []
