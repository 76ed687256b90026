"""Recorded runs of a real agent, replayed through the SDK: what arrives, and what must not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agenttrace_server.embedded.binaries import find_binaries
from fix_product import Product, up
from fix_store import assert_counters_equal_a_recount

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared/data/tau-bench/gpt-4o-airline.json"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded runs (shared/data/tau-bench) are not here")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with up(tmp_path_factory.mktemp("replay")) as product:
        done = replay(product)
        assert done.returncode == 0, done.stderr
        yield product


def replay(product: Product) -> subprocess.CompletedProcess[str]:
    return product.run(ROOT / "examples/replay_tau_bench.py", RECORDED)


def rows(product: Product, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(product.endpoints["database_url"]) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type]


def agenttrace(product: Product, *arguments: str) -> str:
    done = product.run("-m", "agenttrace", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_run_arrives_with_its_outcome(replayed: Product) -> None:
    assert rows(replayed, "SELECT status, count(*) FROM agent_runs GROUP BY 1 ORDER BY 1") == [
        ("FAILURE", 116),
        ("SUCCESS", 84),
    ]


def test_every_tool_call_is_a_step_and_every_error_a_classified_failure(replayed: Product) -> None:
    assert rows(
        replayed,
        "SELECT count(*), count(*) FILTER (WHERE status = 'ERROR'), count(*) FILTER (WHERE attempt > 1) "
        "FROM agent_steps WHERE type = 'TOOL'",
    ) == [(1164, 73, 29)]
    assert rows(replayed, "SELECT count(*), count(DISTINCT step_id) FROM agent_failures WHERE type = 'TOOL'") == [
        (73, 73)
    ]
    assert rows(replayed, "SELECT DISTINCT code FROM agent_failures WHERE code LIKE '% %'") == []


def test_every_turn_of_the_assistant_is_a_step(replayed: Product) -> None:
    assert rows(
        replayed, "SELECT type, count(*) FROM agent_steps WHERE type IN ('MODEL', 'RESPOND') GROUP BY 1 ORDER BY 1"
    ) == [("MODEL", 1164), ("RESPOND", 1290)]


def test_a_failed_run_whose_tools_all_worked_says_that_the_task_was_not_completed(replayed: Product) -> None:
    assert rows(
        replayed,
        "SELECT count(*) FROM agent_runs WHERE status = 'FAILURE' AND failed_step_count = 0 "
        "AND NOT (failure_types = '{ORCHESTRATION}' AND failure_codes = '{task_not_completed}')",
    ) == [(0,)]


def test_every_failed_run_has_a_failure_and_every_run_is_complete(replayed: Product) -> None:
    assert rows(replayed, "SELECT count(*) FROM agent_runs WHERE status = 'FAILURE' AND failure_count = 0") == [(0,)]
    assert rows(replayed, "SELECT count(*) FROM agent_runs WHERE expected_step_count <> step_count") == [(0,)]


def test_replaying_again_changes_no_count(replayed: Product) -> None:
    tables = ("agent_runs", "agent_steps", "agent_failures")
    counted = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    before = rows(replayed, counted)

    again = replay(replayed)

    assert again.returncode == 0, again.stderr
    assert rows(replayed, counted) == before
    with psycopg.connect(replayed.endpoints["database_url"]) as connection:
        assert_counters_equal_a_recount(connection)


def test_the_command_line_says_why_a_run_failed(replayed: Product) -> None:
    listed = agenttrace(replayed, "runs", "--status", "failure", "--failure-type", "tool", "--limit", "1", "--json")
    run_id = json.loads(listed.splitlines()[0])["run"]["run_id"]

    shown = agenttrace(replayed, "run", run_id)

    codes = rows(replayed, f"SELECT code FROM agent_failures WHERE run_id = '{run_id}' ORDER BY occur_time")
    assert "FAILURE" in shown
    assert "root failure" in shown
    assert codes[0][0] in shown


def test_the_statistics_are_those_of_the_rows(replayed: Product) -> None:
    shown = agenttrace(replayed, "stats", "--since", "48h", "--agent", "tau-airline", "--json")

    totals = json.loads(shown)["totals"]
    assert (int(totals["run_count"]), int(totals["failure_count"]), int(totals["retry_count"])) == (200, 116, 29)
    assert totals["failure_rate"] == pytest.approx(116 / 200)


def test_a_dump_of_the_database_holds_nothing_of_what_was_said(replayed: Product) -> None:
    command = [find_binaries() / "pg_dump", "--inserts", replayed.endpoints["database_url"]]
    dump = subprocess.run(command, check=True, capture_output=True).stdout.decode()

    pieces = spoken(json.loads(RECORDED.read_text()))
    assert len(pieces) > 4000
    assert sorted(piece for piece in pieces if piece in dump) == []


def spoken(recorded: list[dict[str, Any]]) -> set[str]:
    """Every message, tool argument and tool result of the file that could be told from a name or a number."""
    said = [message.get("content") for run in recorded for message in run["traj"]]
    said += [
        str(value)
        for run in recorded
        for message in run["traj"]
        for call in message.get("tool_calls") or []
        for value in [call["function"]["arguments"], *flat(json.loads(call["function"]["arguments"]))]
    ]
    return {
        piece.strip() for piece in said if piece and len(piece.strip()) >= 6 and not piece.strip().isdigit()
    } - NAMES


# Words of tool arguments that are also names of ours or words of the schema.
NAMES = {"cancel", "cancelled", "economy", "business", "basic_economy"}


def flat(value: Any) -> list[Any]:
    """The scalars within a JSON value."""
    if isinstance(value, dict):
        return [inner for member in value.values() for inner in flat(member)]
    if isinstance(value, list):
        return [inner for member in value for inner in flat(member)]
    return [value]


def test_the_command_is_a_module_too() -> None:
    """So that no script needs to be on the PATH."""
    done = subprocess.run([sys.executable, "-m", "agenttrace", "--help"], check=False, capture_output=True)

    assert done.returncode == 0
