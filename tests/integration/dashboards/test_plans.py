"""How the run explorer and the run are read: by index.

Whether the planner takes an index depends on the volume; whether there is one to take does not. So sequential scans are
made the last resort here, on little data; the benchmark `dashboards` counts them at a million steps as planned freely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard_files import TimeRange, boards, expand, statements
from fix_grafana import BASE, GrafanaDatabases

WEEK = TimeRange(datetime.now(UTC), timedelta(days=7))
LARGE = ("agent_runs", "agent_steps", "agent_failures")


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.parametrize("uid", ["agenttrace-runs", "agenttrace-run"])
def test_no_table_is_read_from_end_to_end(databases: GrafanaDatabases, uid: str) -> None:
    run_id, _ = databases.failed_run()
    some = {**BASE, "agent": ["support"], "status": ["FAILURE"], "model": ["none"], "search": "x", "tag": "a=b"}
    scanned = []
    with databases.connect("seeded") as connection:
        connection.execute("SET enable_seqscan = off")
        for values in (BASE, some):
            for title, _, target in statements(boards()[uid]):
                sql = expand(target["rawSql"], {**values, "run_id": run_id, "step_id": run_id}, WEEK)
                ((explained,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}")  # type: ignore[misc,call-overload]
                scanned += [
                    f"{title}: {node['Relation Name']}"
                    for node in nodes(explained[0]["Plan"])
                    if node["Node Type"] == "Seq Scan" and node["Relation Name"].startswith(LARGE)
                ]

    assert scanned == []
