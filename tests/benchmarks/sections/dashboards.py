"""How long the SQL of the dashboards takes at a month's volume, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal, percentile
from dashboard_files import TimeRange, boards, expand, statements
from fix_grafana import BASE, Values

METHOD = (
    "BENCH_STEPS steps (1,000,000) in runs of twelve over 30 days, as in `reads`. Every SQL statement of every "
    "dashboard, variables and annotations included, as the role agenttrace_grafana: for 1 h, 24 h and 30 d, with all "
    "agents, one and two and the explorer's filters set. EXPLAIN ANALYZE: planning and execution, the better of two. A "
    "sequential scan is one of more than 1,000 rows of runs, steps or failures."
)
_RANGES = {timedelta(hours=1): "1m", timedelta(days=1): "5m", timedelta(days=30): "2h"}
_BY_INDEX = ("agenttrace-runs", "agenttrace-run")
_LARGE = ("agent_runs", "agent_steps", "agent_failures")
_CHOICES: Sequence[Values] = (
    {},
    {"agent": ["agent-3"], "env": ["production"], "status": ["FAILURE"], "failure_type": ["TOOL"], "search": "agent",
     "min_duration_s": "2.5", "order": "slowest"},
    {"agent": ["agent-3", "agent-13"], "env": ["production", "staging"], "status": ["FAILURE", "SUCCESS"],
     "failure_type": ["TOOL", "MODEL"], "model": ["gpt-4o-2024-08-06"], "order": "costliest"},
)  # fmt: skip


class Timed(NamedTuple):
    """One statement with one choice and range: how long it took, and which large tables it read from end to end."""

    uid: str
    title: str
    milliseconds: float
    scanned: frozenset[str]


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    product = bench.loaded_product()
    options = "-c role=agenttrace_grafana -c jit=off"
    with psycopg.connect(product.database_url, autocommit=True, prepare_threshold=None, options=options) as connection:
        timed = list(_all(connection))
    by_index = [one for one in timed if one.uid in _BY_INDEX]
    slowest = max(timed, key=lambda one: one.milliseconds)
    scans = [one for one in by_index if one.scanned]
    return [
        Figure(name="statement p50", unit="ms", samples=[percentile([one.milliseconds for one in timed], 50)]),
        _p95("statement p95", timed, f"{len(timed)} statements; slowest {slowest.uid}: {slowest.title}, "
             f"{slowest.milliseconds:.0f} ms"),
        _p95("explorer and run, statement p95", by_index, f"{len(by_index)} statements"),
        Figure(name="explorer and run, sequential scans", unit="", samples=[len(scans)], goal=Goal(at_most=0),
               note=", ".join(sorted({one.title for one in scans}))),
    ]  # fmt: skip


def _p95(name: str, timed: Sequence[Timed], note: str) -> Figure:
    samples = [percentile([one.milliseconds for one in timed], 95)]
    return Figure(name=name, unit="ms", samples=samples, goal=Goal(at_most=500), note=note)


def _all(connection: psycopg.Connection) -> Iterator[Timed]:
    run_id, step_id = _failed_run(connection)
    for uid, board in boards().items():
        for title, _, target in statements(board):
            for chosen in _CHOICES:
                for length, interval in _RANGES.items():
                    values = {**BASE, **chosen, "run_id": run_id, "step_id": step_id}
                    sql = expand(target["rawSql"], values, TimeRange(datetime.now(UTC), length, interval))
                    yield min((_explained(connection, uid, title, sql) for _ in range(2)), key=lambda one: one[2])


def _explained(connection: psycopg.Connection, uid: str, title: str, sql: str) -> Timed:
    cursor = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")  # type: ignore[call-overload]
    ((plan,),) = cursor.fetchone()
    scanned = frozenset(node["Relation Name"] for node in _nodes(plan["Plan"]) if _is_large_scan(node))
    return Timed(uid, title, plan["Planning Time"] + plan["Execution Time"], scanned)


def _is_large_scan(node: Mapping[str, Any]) -> bool:
    if node["Node Type"] != "Seq Scan" or not node["Relation Name"].startswith(_LARGE):
        return False
    rows: float = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return rows * node["Actual Loops"] > 1000


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _failed_run(connection: psycopg.Connection) -> tuple[str, str]:
    """A run that failed, and a step of it."""
    row = connection.execute(
        "SELECT r.run_id::text, s.step_id::text FROM grafana.v_runs r "
        "JOIN grafana.v_steps s ON s.project_id = r.project_id AND s.run_id = r.run_id AND s.day = r.day "
        "WHERE r.project_id = 1 AND r.status = 'FAILURE' ORDER BY r.start_time DESC LIMIT 1"
    ).fetchone()
    assert row
    return row
