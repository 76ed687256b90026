"""Exports: whole, once, and the same after any interruption."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from agenttrace.cli.part_file import Checkpoint, PartFile
from agenttrace.errors import InvalidValueError
from fix_server import Services
from integration.cli.conftest import COMMAND, Cli, environment_for
from integration.client.wires import Wire

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def exported(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def ids(rows: list[Any]) -> list[str]:
    return [row["run"]["run"]["run_id"] for row in rows]


def test_every_run_is_exported_once_with_its_steps_and_failures(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"

    ran = cli("export", "-o", file)

    rows = exported(file)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert f"{len(stored)} runs are in {file}" in ran.stderr
    assert ids(rows) == stored
    assert {len(row["steps"]) for row in rows} == {2}
    assert [len(row["failures"]) for row in rows if row["run"]["run"]["status"] == "FAILURE"] == [1] * 6
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


def test_standard_output_takes_the_same_lines(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    cli("export", "-o", tmp_path / "file.jsonl")

    assert cli("export").stdout == (tmp_path / "file.jsonl").read_text()


def test_only_runs_are_exported_where_that_is_asked(cli: Cli, stored: list[str]) -> None:
    rows = [json.loads(line) for line in cli("export", "--runs-only", "--status", "failure").stdout.splitlines()]

    assert len(rows) == 6
    assert set(rows[0]) >= {"run", "step_count"}
    assert "steps" not in rows[0]


def test_parquet_has_the_same_rows(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    cli("export", "-o", tmp_path / "all.jsonl")
    cli("export", "-o", tmp_path / "all.parquet")

    rows, table = exported(tmp_path / "all.jsonl"), parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert [row["run_id"] for row in table] == ids(rows) == stored
    for row, line in zip(table, rows, strict=True):
        assert [step["step_id"] for step in row["steps"]] == [step["step_id"] for step in line["steps"]]
        assert [failure["code"] for failure in row["failures"]] == [f["failure"]["code"] for f in line["failures"]]
        assert (row["status"], row["complete"]) == (line["run"]["run"]["status"], line["completeness"]["complete"])
        told = line["run"]["run"]["start_time"].replace("Z", "+00:00")
        assert row["start_time"].isoformat() == told


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_killed_again_and_again_ends_as_one_that_was_not(
    services: Services, cli: Cli, stored: list[str], tmp_path: Path, form: str
) -> None:
    """kill -9 at different moments; the flags are the same each time."""
    whole, broken = tmp_path / f"whole.{form}", tmp_path / f"broken.{form}"
    cli("export", "-o", whole)
    kills = 0
    for patience in (0.25, 0.4, 0.6, 0.8):
        process = start(services, broken)
        kills += killed_with_something_written(process, broken, patience)
    last = cli("export", "-o", broken, "--resume")

    assert kills >= 2, "the exports ended before they could be killed"
    assert last.returncode == 0, last.stderr
    assert whole.read_bytes() == broken.read_bytes() if form == "jsonl" else same_table(whole, broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([whole.name, broken.name])


def start(services: Services, file: Path) -> subprocess.Popen[str]:
    # Without a breath between the batches it would be over before it can be killed.
    code = (
        "import time; from agenttrace.cli import export_rows, main; import agenttrace.cli.part_file as p; import sys;"
        "commit = p.PartFile.commit; p.PartFile.commit = lambda *a: (commit(*a), time.sleep(0.3));"
        f"sys.exit(main(['export', '-o', {str(file)!r}, '--resume']))"
    )
    return subprocess.Popen([COMMAND[0], "-c", code], env=environment_for(services), text=True)


def killed_with_something_written(process: subprocess.Popen[str], file: Path, patience: float) -> bool:
    """Kill the export so long after it has begun to write; whether it was killed before its end."""
    part = file.with_name(file.name + ".part")
    until = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(patience)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def same_table(one: Path, other: Path) -> bool:
    return bool(parquet.read_table(one).equals(parquet.read_table(other)))


def test_a_run_that_starts_during_the_export_is_not_in_it(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    """What is exported is what had started when the export began, after a resumption as well."""
    file = tmp_path / "x.jsonl"
    begun = Checkpoint(request_of(), since="", until="2020-01-01T00:00:00+00:00")
    with PartFile(file, begun):
        pass

    ran = cli("export", "-o", file, "--resume")

    assert ran.returncode == 0, ran.stderr
    assert exported(file) == []


def request_of() -> str:
    return json.dumps({"runs_only": False, "parquet": False})


def test_an_export_outlives_a_server_that_goes_away(services: Services, stored: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with Wire(services.query_address, after_bytes=4_000) as wire:
        command = [*COMMAND, "export", "-o", str(file), "--endpoint", wire.address, "--runs-only"]
        ran = subprocess.run(
            command, env=environment_for(services), capture_output=True, text=True, timeout=60, check=False
        )

    assert ran.returncode == 0, ran.stderr
    assert wire.connections > 1, "nothing was cut"
    assert [row["run"]["run_id"] for row in exported(file)] == stored


def test_what_is_there_is_not_replaced_unasked(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("mine")

    refused = cli("export", "-o", file)
    kept = file.read_text()
    replaced = cli("export", "-o", file, "--force")

    assert (refused.returncode, kept, replaced.returncode) == (2, "mine", 0)
    assert "--force" in refused.stderr
    assert len(exported(file)) == len(stored)


def test_resuming_what_is_complete_does_nothing(cli: Cli, stored: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    cli("export", "-o", file, "--resume")
    before = file.stat()

    again = cli("export", "-o", file, "--resume")

    assert again.returncode == 0
    assert "complete" in again.stderr
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_an_interrupted_export_asked_for_something_else(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with PartFile(file, Checkpoint(request_of(), "", "2020-01-01T00:00:00+00:00")):
        pass

    for arguments in (["--resume", "--status", "failure"], []):
        refused = cli("export", "-o", file, *arguments)
        assert refused.returncode == 2
        assert "--force" in refused.stderr


def test_two_exports_do_not_write_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    begun = Checkpoint(request_of(), "", "2020-01-01T00:00:00+00:00")

    with PartFile(file, begun), pytest.raises(InvalidValueError, match="another export"), PartFile(file, begun):
        pass
