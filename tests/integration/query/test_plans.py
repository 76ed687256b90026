"""Listings read what they give: no statement of theirs reads a whole table, whatever the filter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from agenttrace_server.read_records import (
    ChangePosition,
    FailureFilter,
    FailureSelection,
    RunFilter,
    StepFilter,
    StepSelection,
)
from agenttrace_server.stats_records import StatsQuery
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore

RUNS, STEPS_PER_RUN = 50_000, 5
FRESH_RUNS = 2_000
FILL = """
ALTER TABLE agent_steps DISABLE TRIGGER USER;
ALTER TABLE agent_failures DISABLE TRIGGER USER;
INSERT INTO agent_runs (project_id, run_id, day, is_stub, agent_id, agent_version, environment, status, start_time,
                        end_time, session_id, tags, step_count, retry_count, failure_count, failure_types,
                        failure_codes)
SELECT 1, md5('r' || i)::uuid, (now() AT TIME ZONE 'UTC')::date, false, 'agent-' || i % 20, 'v' || i % 3,
       CASE WHEN i % 10 = 0 THEN 'staging' END, (ARRAY['SUCCESS', 'SUCCESS', 'FAILURE', 'PARTIAL'])[1 + i % 4],
       '2026-03-01Z'::timestamptz + i * interval '1 s', '2026-03-01Z'::timestamptz + (i + i % 90) * interval '1 s',
       CASE WHEN i % 100 = 0 THEN 's-' || i END, CASE WHEN i % 5000 = 0 THEN ARRAY['rare'] ELSE '{}' END, 5,
       (i % 7 = 0)::int, (i % 7 = 0)::int * 2,
       CASE WHEN i % 7 = 0 THEN ARRAY[(ARRAY['TOOL', 'MODEL', 'RETRIEVAL', 'ORCHESTRATION'])[1 + i % 4]] ELSE '{}' END,
       CASE WHEN i % 7 = 0 THEN ARRAY['timeout'] ELSE '{}' END
FROM generate_series(1, 50000) i;
INSERT INTO agent_steps (project_id, run_id, step_id, day, sequence, type, name, status, attempt, retry_of_step_id,
                         start_time, end_time)
SELECT 1, run_id, md5(run_id::text || k)::uuid, day, k, 'TOOL', 'step', CASE WHEN k = 1 THEN 'ERROR' ELSE 'OK' END,
       1 + (k = 2)::int, CASE WHEN k = 2 THEN md5(run_id::text || 1)::uuid END, start_time, start_time
FROM agent_runs, generate_series(1, 5) k;
INSERT INTO agent_failures (project_id, run_id, failure_id, day, step_id, type, code, occur_time)
SELECT 1, run_id, md5(run_id::text || k)::uuid, day, md5(run_id::text || k)::uuid, failure_types[1], 'timeout',
       start_time
FROM agent_runs, generate_series(1, 2) k WHERE failure_count > 0;
INSERT INTO run_changes (project_id, run_id) SELECT 1, run_id FROM agent_runs;
ANALYZE
"""
BIG_TABLES = ("agent_runs", "agent_steps", "agent_failures", "run_changes")
Node = dict[str, Any]


class Explaining:
    """A connection or cursor that explains what it executes."""

    def __init__(self, inner: Any, plans: list[Node]) -> None:
        self._inner = inner
        self._plans = plans

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def cursor(self, **options: Any) -> Explaining:
        return Explaining(self._inner.cursor(**options), self._plans)

    async def execute(self, statement: str, params: Any = None) -> Any:
        connection = getattr(self._inner, "connection", self._inner)
        explained = await connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
        self._plans.append((await explained.fetchone())[0][0]["Plan"])
        return await self._inner.execute(statement, params)


class ExplainingDatabase(ReadDatabase):
    """A database that keeps the plans of what its transactions execute."""

    plans: list[Node]

    @asynccontextmanager
    async def transaction(self, operation: str, project_id: int | None = None) -> AsyncIterator[Any]:
        async with super().transaction(operation, project_id) as connection:
            yield Explaining(connection, self.plans)


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.fixture(scope="module")
def full_url(postgres: Any) -> Iterator[str]:
    """A database with enough in it for plans to matter."""
    yield from filled(postgres, FILL)


@pytest.fixture(scope="module")
def fresh_url(postgres: Any) -> Iterator[str]:
    """A database of the first minute: nothing was analyzed yet."""
    yield from filled(postgres, FILL.replace("50000", str(FRESH_RUNS)).replace("ANALYZE", ""))


def filled(postgres: Any, statements: str) -> Iterator[str]:
    name = postgres.create(template=postgres.template)
    with psycopg.connect(postgres.url_of(name), autocommit=True) as connection:
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(statement)  # type: ignore[arg-type]
    yield postgres.url_of(name)
    postgres.drop(name)


Explain = Callable[[Callable[[ReadDatabase], Awaitable[Any]]], list[Node]]


@pytest.fixture
def explain(full_url: str) -> Explain:
    """Runs a read and returns the nodes of all its plans."""
    return explaining(full_url)


@pytest.fixture
def explain_fresh(fresh_url: str) -> Explain:
    """The same in the database of the first minute."""
    return explaining(fresh_url)


def explaining(url: str) -> Explain:
    def run(act: Callable[[ReadDatabase], Awaitable[Any]]) -> list[Node]:
        async def explained() -> list[Node]:
            database = ExplainingDatabase(url, name="t", role="agenttrace_query", max_size=1, timeout_seconds=30)
            database.plans = []
            await database.open(10)
            try:
                await act(database)
            finally:
                await database.close()
            return [node for plan in database.plans for node in nodes(plan)]

        return asyncio.run(explained())

    return run


def assert_reads_little(found: list[Node], most_rows: int) -> None:
    """No table is read from its beginning, and no node handles more rows than it may."""
    assert found
    for node in found:
        table = node.get("Relation Name", "")
        rows = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        if node["Node Type"] in ("Seq Scan", "Bitmap Heap Scan"):
            assert rows == 0 or not table.startswith(BIG_TABLES), (node["Node Type"], table, rows)
        assert rows <= most_rows, (node["Node Type"], table, rows)


def indexes(found: list[Node]) -> set[str]:
    return {node["Index Name"] for node in found if "Index Name" in node and node["Actual Rows"]}


@pytest.mark.parametrize("second_page", [False, True])
@pytest.mark.parametrize(
    ("run_filter", "index"),
    [
        (RunFilter(), "agent_runs_by_start"),
        (RunFilter(agent_ids=["agent-1"]), "agent_runs_by_agent"),
        (RunFilter(agent_ids=["agent-1", "agent-2", "agent-3", "nobody"]), "agent_runs_by_agent"),
        (RunFilter(statuses=["FAILURE"]), "agent_runs_by_status"),
        (RunFilter(statuses=["FAILURE", "PARTIAL", "ABANDONED"]), "agent_runs_by_status"),
        (RunFilter(environments=["staging"]), "agent_runs_by_environment"),
        (RunFilter(environments=["staging", "production"]), "agent_runs_by_environment"),
        (RunFilter(session_id="s-100"), "agent_runs_by_session"),
        (RunFilter(failure_types=["TOOL"]), "agent_runs_failed_tool"),
        (RunFilter(failure_types=["MODEL"]), "agent_runs_failed_model"),
        (RunFilter(failure_types=["RETRIEVAL"]), "agent_runs_failed_retrieval"),
        (RunFilter(failure_types=["ORCHESTRATION"]), "agent_runs_failed_orchestration"),
    ],
)
def test_a_page_of_runs_walks_the_index_of_its_filter(
    explain: Explain, run_filter: RunFilter, index: str, second_page: bool
) -> None:
    async def act(database: ReadDatabase) -> None:
        store = RunStore(database)
        page = await store.page(1, run_filter, None, 100)
        if second_page and page.next:
            await store.page(1, run_filter, page.next, 100)

    found = explain(act)

    assert_reads_little(found, most_rows=110)
    assert indexes(found) == {index}


def test_a_time_range_is_found_by_its_index(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        newest = (await RunStore(database).page(1, RunFilter(), None, 1)).rows[0].start_time
        middle = newest - timedelta(seconds=RUNS // 2)
        await RunStore(database).page(1, RunFilter(start_time_before=middle), None, 100)

    assert_reads_little(explain(act), most_rows=110)


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": ["nowhere"]},
        {"attributes": {"a": 1}},
        {"user_key": "0" * 64},
        {"min_duration": timedelta(days=1)},
        {"failure_codes": ["nothing"]},
        {"failure_types": ["TOOL", "MODEL"], "statuses": ["SUCCESS"], "agent_versions": ["v9"]},
        {"agent_ids": ["agent-1", "agent-2"], "tags": ["nowhere"]},
    ],
)
def test_a_page_behind_other_filters_reads_a_bounded_number_of_runs(explain: Explain, fields: dict[str, Any]) -> None:
    async def act(database: ReadDatabase) -> None:
        page = await RunStore(database, scan_rows=1000).page(1, RunFilter(**fields), None, 100)
        assert page.rows == []

    assert_reads_little(explain(act), most_rows=1000)


def test_one_run_in_detail_is_read_by_key(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        run_id = (await RunStore(database).page(1, RunFilter(failure_types=["TOOL"]), None, 1)).rows[0].run_id
        detail = await RunDetailStore(database).get(1, str(run_id))
        assert (len(detail.steps.rows), len(detail.failures)) == (5, 2)

    assert_reads_little(explain(act), most_rows=20)


def test_steps_across_runs_are_read_run_by_run(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        store = StepStore(database)
        page = await store.page(1, StepSelection(), None, 100)
        await store.page(1, StepSelection(), page.next, 100)

    assert_reads_little(explain(act), most_rows=1001)


def test_steps_behind_filters_are_a_bounded_number(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        selection = StepSelection(step_filter=StepFilter(names=["nothing"]))
        page = await StepStore(database, scan_rows=1000).page(1, selection, None, 100)
        assert (page.rows, page.next is not None) == ([], True)

    assert_reads_little(explain(act), most_rows=1001)


def test_the_steps_of_a_run_are_one_range_of_one_partition(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        run_id = (await RunStore(database).page(1, RunFilter(), None, 1)).rows[0].run_id
        await StepStore(database).page(1, StepSelection(run_id=str(run_id)), None, 100)

    found = explain(act)

    assert_reads_little(found, most_rows=10)
    assert (
        len({node["Relation Name"] for node in found if node.get("Relation Name", "").startswith("agent_steps")}) == 1
    )


@pytest.mark.parametrize(
    ("failure_filter", "most_rows"),
    [
        (FailureFilter(), 510),
        (FailureFilter(agent_ids=["nobody"]), 1010),
        (FailureFilter(recovered=True, codes=["nothing"]), 1010),
        (FailureFilter(recovered=True), 2500),
    ],
)
def test_a_page_of_failures_reads_little(explain: Explain, failure_filter: FailureFilter, most_rows: int) -> None:
    async def act(database: ReadDatabase) -> None:
        store = FailureStore(database, scan_rows=1000)
        page = await store.page(1, FailureSelection(failure_filter=failure_filter), None, 100)
        if page.next:
            await store.page(1, FailureSelection(failure_filter=failure_filter), page.next, 100)

    found = explain(act)

    assert_reads_little(found, most_rows)
    assert any("occur_time" in index for index in indexes(found))


def test_changes_behind_a_position_are_found_by_key(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        store = ChangeStore(database)
        await store.behind(1, ChangePosition(0, 0, 0), 100)
        await store.behind(1, (await store.bounds(1)).position, 100)

    assert_reads_little(explain(act), most_rows=100)


def test_runs_by_their_ids_are_read_by_key(explain: Explain) -> None:
    async def act(database: ReadDatabase) -> None:
        page = await RunStore(database).page(1, RunFilter(), None, 200)
        ids: list[UUID] = [run.run_id for run in page.rows]
        assert len(await RunStore(database).by_ids(1, ids, RunFilter(statuses=["SUCCESS"]))) == 100

    assert_reads_little(explain(act), most_rows=210)


@pytest.mark.parametrize("run_filter", [{}, {"agent_ids": ["agent-1"]}, {"statuses": ["FAILURE"]}], ids=str)
@pytest.mark.parametrize("dimension", [None, "AGENT_VERSION", "TOOL"])
def test_statistics_of_the_first_minute_read_each_row_a_few_times(
    explain_fresh: Explain, dimension: str | None, run_filter: dict[str, Any]
) -> None:
    """Of a table that was never analyzed the planner expects a row or two: it joined by loops over all of the steps."""
    first = datetime(2026, 3, 1, tzinfo=UTC)
    selected = RunFilter(start_time_from=first, start_time_before=first + timedelta(days=2), **run_filter)

    async def act(database: ReadDatabase) -> None:
        await StatsStore(database).report(1, StatsQuery(selected, dimension, timedelta(hours=1)))

    found = explain_fresh(act)

    assert max(node["Actual Rows"] * node["Actual Loops"] for node in found) <= FRESH_RUNS * STEPS_PER_RUN * 1.1
    removed = [node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"] for node in found]
    assert max(removed) <= FRESH_RUNS * STEPS_PER_RUN
