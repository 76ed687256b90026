"""The database of a command that is told none: that of `up` in its folder, and never one that it makes itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import agenttrace
from fix_product import FREE_PORTS, run_server, up

COMMANDS = (
    ("seed",),
    ("keys", "list"),
    ("keys", "create", "checkout", "--scope", "ingest"),
    ("projects", "list"),
    ("codes", "list"),
    ("registry", "list"),
    ("audit",),
    ("erase", "--session", "s-1", "--yes"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_where_no_up_ever_ran_says_so_and_makes_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = run_server(*command, cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"there is no database in {tmp_path}/.agenttrace: `agenttrace-server up` makes one" in done.stderr
    assert "AGENTTRACE_SERVER_DATABASE_URL" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_sample_data_and_projects_get_into_the_database_of_up_whether_it_runs_or_not(tmp_path: Path) -> None:
    with up(tmp_path, ephemeral=False, **FREE_PORTS) as product:
        seeded = run_server("seed", cwd=tmp_path)
        assert (tmp_path / ".agenttrace/endpoints.json").exists()
        with agenttrace.QueryClient(product.endpoints["query"]) as reader:
            listed = len(list(reader.runs()))
    created = run_server("projects", "create", "shop", cwd=tmp_path)

    assert (seeded.stdout, seeded.stderr) == ("the sample data is loaded: 240 runs\n", "")
    assert listed == 240
    assert (created.returncode, created.stderr) == (0, "")


def test_an_up_that_was_killed_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    with up(tmp_path, ephemeral=False, **FREE_PORTS) as product:
        product.process.kill()
    assert (tmp_path / ".agenttrace/endpoints.json").exists()

    listed = run_server("projects", "list", cwd=tmp_path)

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines()[1].startswith("default")


def test_sample_data_is_not_loaded_into_a_database_without_the_schema(tmp_path: Path, empty_database_url: str) -> None:
    done = run_server("seed", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=empty_database_url)

    assert (done.returncode, done.stdout) == (2, "")
    assert "run `agenttrace-server migrate`" in done.stderr


def test_the_command_says_its_version(tmp_path: Path) -> None:
    done = run_server("--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "agenttrace-server 0.1.0\n")
