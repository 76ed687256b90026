"""`agenttrace-server demo` and `seed`, as a newcomer runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fix_product import FREE_PORTS, run_server
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


def test_the_sample_data_loads_and_loads_again(services: Services, tmp_path: Path) -> None:
    import psycopg

    loaded = [run_server("seed", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=services.database_url) for _ in range(2)]

    assert [done.stdout for done in loaded] == ["the sample data is loaded: 240 runs\n"] * 2
    with psycopg.connect(services.database_url) as connection:
        assert_counters_equal_a_recount(connection)


def test_logs_are_lines_of_json_without_values(tmp_path: Path) -> None:
    done = run_server("demo", "--exit", cwd=tmp_path, AGENTTRACE_SERVER_LOG_LEVEL="DEBUG", **FREE_PORTS)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = {line["event"] for line in lines if line["logger"].startswith("agenttrace_server")}
    assert {"serving", "ready", "rpc", "draining", "stopped"} <= events
    assert "find_order" not in done.stderr
    assert "customer-support" not in done.stderr
