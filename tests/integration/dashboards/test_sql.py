"""Every statement of every dashboard, on real databases, with whatever a reader may choose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from dashboard_files import AllOf, TimeRange, boards, expand, panels, statements
from fix_grafana import BASE, GrafanaDatabases, Values

HOSTILE = "x' OR 1=1 --"
CHOICES: Mapping[str, Values] = {
    "all": BASE,
    "one": {
        **BASE, "agent": ["support"], "env": ["production"], "status": ["FAILURE"], "failure_type": ["TOOL"],
        "model": ["gpt-4o-2024-08-06"], "tag": "channel=mail", "search": "sup", "min_duration_s": "2.5",
        "order": "slowest", "limit": "100",
    },
    "many": {
        **BASE, "agent": ["support", "coder"], "env": ["production", "staging"], "status": ["FAILURE", "SUCCESS"],
        "failure_type": ["TOOL", "MODEL"], "model": ["gpt-4o-2024-08-06", "none"], "tag": "sample",
        "order": "costliest",
    },
    "hostile": {name: [HOSTILE, "$1", "%s"] if isinstance(value, AllOf) else HOSTILE for name, value in BASE.items()},
}  # fmt: skip
# What every driver of every version of Grafana gives alike, by the type's number.
PORTABLE = {25: "text", 701: "float8", 23: "int4", 20: "int8", 1184: "timestamptz"}
NUMBERS = {701, 23, 20}
TEXT = 25
TRACE = {
    "traceID": TEXT, "spanID": TEXT, "parentSpanID": TEXT, "operationName": TEXT, "serviceName": TEXT,
    "startTime": 701, "duration": 701, "statusCode": 23, "statusMessage": TEXT, "tags": TEXT, "serviceTags": TEXT,
    "logs": TEXT,
}  # fmt: skip


@pytest.fixture(scope="module")
def run_with_failures(databases: GrafanaDatabases) -> tuple[str, datetime]:
    return databases.failed_run()


def values_for(choice: str, run_id: str) -> Values:
    return CHOICES[choice] if choice == "hostile" else {**CHOICES[choice], "run_id": run_id}


def query(connection: psycopg.Connection, sql: str, values: Values, time: TimeRange) -> psycopg.Cursor:
    return connection.execute(expand(sql, values, time))  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("hours", [1, 720])
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("data", ["empty", "seeded"])
def test_every_statement_runs_and_keeps_its_contract(
    databases: GrafanaDatabases, run_with_failures: tuple[str, datetime], data: str, choice: str, hours: int
) -> None:
    run_id, start = run_with_failures
    time = TimeRange(start + timedelta(minutes=1), timedelta(hours=hours), "1m" if hours == 1 else "1h")
    values = values_for(choice, run_id)
    wrong = []
    with databases.connect(data) as connection:
        for uid, board in boards().items():
            for title, panel, target in statements(board):
                try:
                    cursor = query(connection, target["rawSql"], values, time)
                except psycopg.Error as error:
                    wrong.append(f"{uid}: {title}: {error}")
                    continue
                wrong += [f"{uid}: {title}: {fault}" for fault in contract_faults(cursor, panel, target)]
    assert wrong == []


def contract_faults(cursor: psycopg.Cursor, panel: Mapping[str, Any] | None, target: Mapping[str, Any]) -> list[str]:
    """What of a result its panel could not show."""
    columns = {column.name: column.type_code for column in cursor.description or []}
    faults = [f"column {name} is of type {code}" for name, code in columns.items()
              if code not in PORTABLE and name != "time"]  # fmt: skip
    if len(columns) != len(cursor.description or []):
        faults.append("two columns have one name")
    if panel:
        faults += shape_faults(panel["type"], target, columns)
        faults += [f"no column {name}" for name in fields_named(panel) - set(columns) if len(panel["targets"]) == 1]
    return faults


def shape_faults(kind: str, target: Mapping[str, Any], columns: Mapping[str, int]) -> list[str]:
    """What of the columns does not fit the kind of panel."""
    rest = {name: code for name, code in columns.items() if name != "time"}
    numbers = [name for name, code in rest.items() if code in NUMBERS]
    texts = [name for name, code in rest.items() if code == TEXT]
    if target["format"] == "time_series":
        fits = next(iter(columns)) == "time" and bool(numbers) and texts in ([], ["metric"])
    elif kind == "stat":
        fits = len(columns) == 1
    elif kind in {"barchart", "piechart"}:
        fits = len(texts) == 1 and bool(numbers)
    elif kind == "histogram":
        fits = len(numbers) == 1 and not texts
    elif kind == "traces":
        fits = dict(columns) == TRACE
    elif kind == "nodeGraph":
        fits = {"nodes": {"id", "title", "mainstat"}, "edges": {"id", "source", "target"}}[target["refId"]] <= set(
            columns
        )
    else:
        fits = kind == "table"
    return [] if fits else [f"a {kind} can not show {dict(columns)}"]


def fields_named(panel: Mapping[str, Any]) -> set[str]:
    """The columns that a panel's overrides, options and transformations name; series of a `metric` are not columns."""
    if panel["targets"][0]["format"] == "time_series":
        return set()
    names = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    for transformation in panel["transformations"]:
        names |= {conversion["targetField"] for conversion in transformation["options"].get("conversions", [])}
    return names | ({panel["options"]["xField"]} if "xField" in panel["options"] else set())


def test_the_sample_data_is_seen_on_every_sql_panel_that_it_has_something_for(
    databases: GrafanaDatabases, run_with_failures: tuple[str, datetime]
) -> None:
    """A panel that is always empty would pass every other test."""
    run_id, start = run_with_failures
    with databases.connect("seeded") as connection:
        (step_id,) = connection.execute(  # type: ignore[misc]
            "SELECT step_id::text FROM grafana.v_steps WHERE run_id::text = %s LIMIT 1", [run_id]
        ).fetchone()
        values = {**BASE, "run_id": run_id, "step_id": step_id}
        time = TimeRange(start + timedelta(hours=1), timedelta(days=30), "1h")
        empty = {
            title
            for board in boards().values()
            for title, panel, target in statements(board)
            if panel and query(connection, target["rawSql"], values, time).fetchone() is None
        }

    # Rollups are maintain's, which does not run here; every code and price of the sample data is known.
    assert empty == {"Failure rate by day, 90 days", "Steps stored by day", "Models without a price",
                     "Codes without an explanation"}  # fmt: skip


def test_a_hostile_value_finds_nothing(databases: GrafanaDatabases, run_with_failures: tuple[str, datetime]) -> None:
    """It is compared, not executed: `OR 1=1` would find every run."""
    time = TimeRange(datetime.now(UTC), timedelta(days=30))
    (listing,) = (t["rawSql"] for title, _, t in statements(boards()["agenttrace-runs"]) if title == "Runs")
    with databases.connect("seeded") as connection:
        for name in BASE:
            hostile = [HOSTILE] if isinstance(BASE[name], AllOf) else HOSTILE
            found = query(connection, listing, {**BASE, name: hostile}, time).fetchall()

            ignored = name in {"order", "limit", "min_duration_s", "run_id", "step_id"}
            assert bool(found) == ignored, name


def test_edges_lead_from_node_to_node(databases: GrafanaDatabases, run_with_failures: tuple[str, datetime]) -> None:
    (panel,) = (panel for panel in panels(boards()["agenttrace-run"]) if panel["type"] == "nodeGraph")
    values = {**BASE, "run_id": run_with_failures[0]}
    with databases.connect("seeded") as connection:
        nodes, edges = (query(connection, t["rawSql"], values, TimeRange()).fetchall() for t in panel["targets"])

    assert edges
    assert {node for _, source, target, _ in edges for node in (source, target)} <= {row[0] for row in nodes}
    assert len({row[0] for row in nodes}) == len(nodes)
    assert all(row[5] + row[6] == pytest.approx(1) for row in nodes)


def test_the_run_is_the_root_of_its_trace(databases: GrafanaDatabases, run_with_failures: tuple[str, datetime]) -> None:
    (trace,) = (t["rawSql"] for title, _, t in statements(boards()["agenttrace-run"]) if title == "Trace timeline")
    values = {**BASE, "run_id": run_with_failures[0]}
    with databases.connect("seeded") as connection:
        rows = query(connection, trace, values, TimeRange()).fetchall()

    names = list(TRACE)
    spans = [dict(zip(names, row, strict=True)) for row in rows]
    assert [span["spanID"] for span in spans if span["parentSpanID"] is None] == [run_with_failures[0]]
    assert {span["statusCode"] for span in spans} == {1, 2}
    assert all(span["duration"] >= 0 and span["startTime"] > 0 for span in spans)
    assert any(span["logs"] != "[]" for span in spans)


def test_a_range_without_runs_shows_none_and_not_those_before(
    databases: GrafanaDatabases, run_with_failures: tuple[str, datetime]
) -> None:
    """The last row is what a stat shows: it is this range's, empty or not."""
    _, start = run_with_failures
    time = TimeRange(start + timedelta(days=31), timedelta(days=30))
    with databases.connect("seeded") as connection:
        for title, panel, target in statements(boards()["agenttrace-overview"]):
            if panel and panel["type"] == "stat":
                before, now = query(connection, target["rawSql"], BASE, time).fetchall()
                assert before[1], title
                assert not now[1], title


def test_recovered_failures_are_those_that_the_query_service_calls_so(databases: GrafanaDatabases) -> None:
    """In the sample data the first attempts of flaky tools recover; failures of the run's last but one step do not."""
    with databases.connect("seeded") as connection:
        rows = connection.execute(
            "SELECT recovered, count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM grafana.v_steps s "
            "WHERE s.run_id = f.run_id AND s.retry_of_step_id = f.step_id AND s.status = 'OK')) "
            "FROM grafana.v_failures f GROUP BY 1 ORDER BY 1"
        ).fetchall()

    (_, lost, lost_with_success), (_, recovered, recovered_with_success) = rows
    assert lost > 10
    assert recovered > 10
    assert (lost_with_success, recovered_with_success) == (0, recovered)
