"""`agenttrace-server demo` and `seed`, as a newcomer runs them."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

import agenttrace
from fix_product import FREE_PORTS, run_server, up
from fix_server import Services
from fix_store import assert_counters_equal_a_recount


@pytest.mark.parametrize("time", ["first", "second"])
def test_the_demo_records_runs_says_so_and_ends(tmp_path_factory: pytest.TempPathFactory, time: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "demo"
    folder.mkdir(exist_ok=True)

    done = run_server("demo", "--exit", cwd=folder, **FREE_PORTS)

    assert done.returncode == 0, done.stderr
    assert "12 runs recorded" in done.stdout
    assert "agenttrace runs" in done.stdout
    assert not (folder / ".agenttrace/endpoints.json").exists()


def test_each_failure_of_the_demo_has_a_text_and_there_are_versions_to_compare(tmp_path: Path) -> None:
    run_server("demo", "--exit", cwd=tmp_path, **FREE_PORTS)

    with (
        up(tmp_path, ephemeral=False, **FREE_PORTS) as product,
        agenttrace.QueryClient(product.endpoints["query"]) as c,
    ):
        failed = {(found.failure.type, found.failure.code) for found in c.failures()}
        told = {(entry.type, entry.code) for entry in c.failure_codes() if entry.title and entry.remedy}
        versions = c.stats(group_by="agent_version")

    assert "supervisor_needed" in {code for _, code in failed}
    assert failed <= told
    assert {group.agent_version: group.stats.run_count for group in versions.groups} == {"1.3.0": 6, "1.4.0": 6}


def test_the_sample_data_loads_and_loads_again(services: Services, tmp_path: Path) -> None:
    loaded = [run_server("seed", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=services.database_url) for _ in range(2)]

    assert [done.stdout for done in loaded] == ["the sample data is loaded: 240 runs\n"] * 2
    with psycopg.connect(services.database_url) as connection:
        assert_counters_equal_a_recount(connection)


IMPLAUSIBLE = {
    "an exception of another failure": "SELECT 1 FROM agent_failures WHERE exception_type = 'TimeoutError' "
    "AND code <> 'timeout'",
    "a retry that could not help": "SELECT 1 FROM agent_steps s JOIN agent_failures f USING (project_id, run_id) "
    "WHERE s.retry_of_step_id = f.step_id AND NOT f.retryable",
    "a code that nobody has a text for": "SELECT 1 FROM agent_failures f WHERE NOT EXISTS "
    "(SELECT 1 FROM failure_codes c WHERE (c.type, c.code) = (f.type, f.code))",
    "a step outside of its run": "SELECT 1 FROM agent_steps s JOIN agent_runs r USING (project_id, run_id) "
    "WHERE s.start_time < r.start_time OR s.end_time > r.end_time",
    "a step that begins before the one before it ends": "SELECT 1 FROM (SELECT start_time < lag(end_time) OVER "
    "(PARTITION BY run_id ORDER BY sequence) AS early FROM agent_steps) s WHERE early",
    "a run of the future": "SELECT 1 FROM agent_runs WHERE end_time > now()",
    "a failed run without a failure": "SELECT 1 FROM agent_runs WHERE status = 'FAILURE' AND failure_count = 0",
    "a tail that is flat": "SELECT 1 FROM (SELECT percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP "
    "(ORDER BY extract(epoch FROM end_time - start_time)) AS p FROM agent_runs GROUP BY agent_id) a "
    "WHERE p[2] < 1.5 * p[1] OR p[3] < 1.05 * p[2] OR p[4] < 1.05 * p[3]",
}


def test_the_sample_data_is_plausible(services: Services, tmp_path: Path) -> None:
    run_server("seed", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=services.database_url)

    with psycopg.connect(services.database_url) as connection:
        found = [name for name, query in IMPLAUSIBLE.items() if connection.execute(query).fetchone()]  # type: ignore[call-overload]
        kinds = connection.execute("SELECT array_agg(DISTINCT type ORDER BY type) FROM agent_failures").fetchone()

    assert found == []
    assert kinds == (["MODEL", "ORCHESTRATION", "RETRIEVAL", "TOOL"],)


def test_logs_are_lines_of_json_without_values(tmp_path: Path) -> None:
    done = run_server("demo", "--exit", cwd=tmp_path, AGENTTRACE_SERVER_LOG_LEVEL="DEBUG", **FREE_PORTS)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = {line["event"] for line in lines if line["logger"].startswith("agenttrace_server")}
    assert {"serving", "ready", "rpc", "draining", "stopped"} <= events
    assert "find_order" not in done.stderr
    assert "customer-support" not in done.stderr
