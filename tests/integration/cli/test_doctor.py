"""What `doctor` finds, and that it says what to do."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from fix_server import Services, config_for, running
from integration.cli.conftest import Cli


def found(output: str) -> dict[str, dict[str, str]]:
    return {finding["subject"]: finding for finding in json.loads(output)}


def test_all_is_well(cli: Cli) -> None:
    ran = cli("doctor", "--json")

    findings = found(ran.stdout)
    assert ran.returncode == 0
    assert list(findings) == ["client", "ingest", "key for ingest", "query", "key for query", "clock"]
    assert {finding["result"] for finding in findings.values()} == {"ok"}


def test_it_is_said_in_words_without_colour(cli: Cli) -> None:
    ran = cli("doctor")

    assert "\x1b" not in ran.stdout
    assert "✓ query" in ran.stdout


def test_nobody_answers(cli: Cli) -> None:
    ran = cli("doctor", "--json", "--ingest-endpoint", "127.0.0.1:1", "--endpoint", "127.0.0.1:1")

    findings = found(ran.stdout)
    assert ran.returncode == 3
    assert findings["query"]["result"] == findings["ingest"]["result"] == "unreachable"
    assert "nothing listens there" in findings["query"]["text"]
    assert "agenttrace-server up" in findings["query"]["remedy"]
    assert "AGENTTRACE_QUERY_ENDPOINT" in findings["query"]["remedy"]


def test_something_else_answers(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        ran = cli("doctor", "--json", "--endpoint", f"127.0.0.1:{mute.getsockname()[1]}")

    assert ran.returncode in {1, 3}
    assert found(ran.stdout)["query"]["result"] in {"problem", "unreachable"}


def test_the_addresses_are_swapped(cli: Cli, services: Services) -> None:
    ran = cli("doctor", "--json", "--endpoint", services.ingest_address, "--ingest-endpoint", services.query_address)

    findings = found(ran.stdout)
    assert ran.returncode == 1
    assert "another service of ours" in findings["query"]["text"]
    assert "another service of ours" in findings["ingest"]["text"]


def test_its_database_is_away(cli: Cli, database_url: str, postgres: Any) -> None:
    from psycopg.conninfo import conninfo_to_dict

    with running(config_for(database_url)) as services:
        postgres.drop(conninfo_to_dict(database_url)["dbname"])
        try:
            ran = None
            for _ in range(40):
                ran = cli(
                    "doctor", "--json", "--endpoint", services.query_address,
                    "--ingest-endpoint", services.ingest_address,
                )  # fmt: skip
                if "not ready" in found(ran.stdout)["query"]["text"]:
                    break  # each service notices by itself, within seconds
        finally:
            postgres.create(conninfo_to_dict(database_url)["dbname"])

    assert ran is not None
    assert ran.returncode == 1
    assert "not ready" in found(ran.stdout)["query"]["text"]
    assert "migrate" in found(ran.stdout)["query"]["remedy"]


def test_a_setting_that_nothing_reads_is_told_with_what_was_meant(cli: Cli) -> None:
    ran = cli("doctor", "--json", AGENTTRACE_QUERY_ENPOINT="x")

    finding = found(ran.stdout)["settings"]
    assert (ran.returncode, finding["result"]) == (0, "warning")
    assert finding["remedy"] == "meant AGENTTRACE_QUERY_ENDPOINT?"


def test_recording_that_is_turned_off_is_told(cli: Cli) -> None:
    assert "nothing is recorded" in found(cli("doctor", "--json", AGENTTRACE_DISABLED="1").stdout)["settings"]["text"]


def test_what_waits_in_the_spool_is_told_and_not_touched(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "0a.spool").write_bytes(b"x" * 2_000_000)
    (tmp_path / "damaged.set-aside").write_bytes(b"x")

    ran = cli("doctor", "--json", AGENTTRACE_SPOOL_DIRECTORY=str(tmp_path))

    spool = [finding for finding in json.loads(ran.stdout) if finding["subject"] == "spool"]
    assert [finding["result"] for finding in spool] == ["ok", "warning"]
    assert "1 files, 2.0 MB" in spool[0]["text"]
    assert (tmp_path / "0a.spool").stat().st_size == 2_000_000


def test_a_spool_that_is_no_directory_is_a_problem(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = cli("doctor", "--json", AGENTTRACE_SPOOL_DIRECTORY=str(tmp_path / "file"))

    assert ran.returncode == 1
    assert found(ran.stdout)["spool"]["result"] == "problem"


def test_certificates_that_cannot_be_read_are_a_problem(cli: Cli) -> None:
    ran = cli("doctor", "--json", "--endpoint", "https://127.0.0.1:1", "--root-certificates", "/nowhere.pem")

    assert ran.returncode == 1
    assert "AGENTTRACE_ROOT_CERTIFICATES" in found(ran.stdout)["query"]["remedy"]


def test_tls_where_there_is_none_is_told(cli: Cli, services: Services) -> None:
    ran = cli("doctor", "--json", "--endpoint", f"https://{services.query_address}")

    assert ran.returncode == 3
    assert "http://" in found(ran.stdout)["query"]["text"]


@pytest.mark.parametrize(("ahead", "words"), [(3_600, "ahead of"), (-3_600, "behind")])
def test_a_clock_that_is_off_is_told(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ahead: int, words: str
) -> None:
    """Within this process, whose clock can be set; the server's statistics end at its own now."""
    import time
    from types import SimpleNamespace

    from agenttrace.cli import doctor, main

    monkeypatch.setattr(doctor, "time", SimpleNamespace(time=lambda: time.time() + ahead))
    monkeypatch.setenv("AGENTTRACE_ENDPOINT", services.ingest_address)

    code = main(["doctor", "--json", "--endpoint", services.query_address])

    clock = found(capsys.readouterr().out)["clock"]
    assert (code, clock["result"], clock["remedy"]) == (1, "problem", "synchronize it (NTP)")
    assert words in clock["text"]
