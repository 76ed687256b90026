"""One run with all that belongs to it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from agenttrace_server.errors import RunNotFound
from agenttrace_server.read_records import FailureFilter, FailureSelection, RunDetail
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.run_details import RunDetailStore


def detail(read: Any, run_id: UUID, project_id: int = 1) -> RunDetail:
    async def act(database: ReadDatabase) -> RunDetail:
        return await RunDetailStore(database).get(project_id, str(run_id))

    found: RunDetail = read(act)
    return found


def test_a_run_comes_with_its_failures_and_steps_in_their_orders(read: Any, rows: Any) -> None:
    run_id, other = rows.run(), rows.run()
    steps = [rows.step(run_id, sequence=number) for number in (2, 0, 1)]
    failures = [rows.failure(run_id, steps[0], second) for second in (5, 3)]
    rows.failure(other, rows.step(other))

    found = detail(read, run_id)

    assert found.run.run_id == run_id
    assert [step.step_id for step in found.steps.rows] == [steps[1], steps[2], steps[0]]
    assert [failure.failure_id for failure in found.failures] == failures[::-1]
    assert [failure.root for failure in found.failures] == [True, False]
    assert found.steps.next is None


def test_a_run_that_is_not_there_or_anothers_is_not_found(read: Any, rows: Any, connection: Any) -> None:
    connection.execute("INSERT INTO projects (name) VALUES ('other')")
    theirs = rows.run(project_id=2)

    for project_id, run_id in [(1, UUID(int=1)), (1, theirs), (3, theirs)]:
        with pytest.raises(RunNotFound):
            detail(read, run_id, project_id)
    assert detail(read, theirs, 2).run.run_id == theirs


def test_steps_that_others_refer_to_and_that_are_not_stored_are_named(read: Any, rows: Any) -> None:
    run_id, other = rows.run(), rows.run()
    parent, first, failed, elsewhere = sorted(uuid4() for _ in range(4))
    rows.step(run_id, parent_step_id=parent)
    stored = rows.step(run_id, attempt=2, retry_of_step_id=first)
    rows.step(run_id, parent_step_id=stored)
    rows.failure(run_id, failed)
    rows.failure(run_id)
    rows.step(run_id, parent_step_id=elsewhere)
    rows.step(other, step_id=elsewhere)

    assert detail(read, run_id).missing_step_ids == [parent, first, failed, elsewhere]


def test_at_most_100_missing_steps_are_named(read: Any, rows: Any) -> None:
    run_id = rows.run()
    missing = sorted(uuid4() for _ in range(101))
    for step_id in missing:
        rows.failure(run_id, step_id)

    assert detail(read, run_id).missing_step_ids == missing[:100]


def test_a_run_of_1001_steps_tells_where_its_steps_go_on(read: Any, rows: Any) -> None:
    run_id = rows.run()
    rows.connection.execute(MANY_STEPS, {"run_id": run_id, "steps": 1001, "failures": 0})

    found = detail(read, run_id)

    assert len(found.steps.rows) == 1000
    assert found.steps.next == found.steps.rows[-1].position


def test_the_largest_run_is_read_in_time(read: Any, rows: Any) -> None:
    """10,000 nested steps, each a retry of the one before, and more failures than are shown."""
    run_id = rows.run()
    rows.connection.execute(MANY_STEPS, {"run_id": run_id, "steps": 10_000, "failures": 2_000})
    began = time.monotonic()

    found = detail(read, run_id)

    assert time.monotonic() - began < 3
    assert len(found.failures) == 1000
    assert sum(failure.root for failure in found.failures) == 1


def test_the_failures_of_the_largest_run_are_listed_in_time(read: Any, rows: Any) -> None:
    run_id = rows.run()
    rows.connection.execute(MANY_STEPS, {"run_id": run_id, "steps": 10_000, "failures": 9_000})
    selection = FailureSelection(failure_filter=FailureFilter(recovered=False, codes=["nothing"]))

    async def act(database: ReadDatabase) -> tuple[int, int]:
        store = FailureStore(database)
        return len((await store.page(1, FailureSelection(), None, 200)).rows), len(
            (await store.page(1, selection, None, 200)).rows
        )

    began = time.monotonic()

    assert read(act) == (200, 0)
    assert time.monotonic() - began < 5


MANY_STEPS = """
WITH steps AS (
    INSERT INTO agent_steps (project_id, run_id, step_id, day, sequence, type, name, status, attempt, start_time,
                             end_time, parent_step_id, retry_of_step_id)
    SELECT 1, %(run_id)s, md5(i::text)::uuid, (now() AT TIME ZONE 'UTC')::date, i, 'TOOL', 'loop',
           CASE WHEN i %% 2 = 0 THEN 'OK' ELSE 'ERROR' END, 1 + (i > 1)::int, '2026-03-01', '2026-03-01',
           CASE WHEN i > 1 THEN md5((i - 1)::text)::uuid END, CASE WHEN i > 1 THEN md5((i / 2)::text)::uuid END
    FROM generate_series(1, %(steps)s) i
)
INSERT INTO agent_failures (project_id, run_id, failure_id, day, step_id, type, code, occur_time)
SELECT 1, %(run_id)s, md5('f' || i)::uuid, (now() AT TIME ZONE 'UTC')::date, md5(i::text)::uuid, 'TOOL', 'timeout',
       '2026-03-01'::timestamptz + i * interval '1 s'
FROM generate_series(1, %(failures)s) i
"""
