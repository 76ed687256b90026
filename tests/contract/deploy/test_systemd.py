"""The units: taken by systemd itself, and with settings, commands and secrets that there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from agenttrace_server import cli, config
from deploy_files import DEPLOY, PORTS, SECRETS_SCRIPT, SETTINGS, settings_in
from tools import tool

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/agenttrace/bin/agenttrace-server"


def values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def name_of(unit: Path) -> str:
    return unit.stem.removeprefix("agenttrace-")


def installed(folder: Path) -> list[Path]:
    """The units as they would be, with a program that is there."""
    program = folder / "agenttrace-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (folder / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    return [folder / unit.name for unit in UNITS]


def test_there_is_a_unit_for_each_service() -> None:
    assert set(map(name_of, UNITS)) == set(PORTS)


def test_systemd_takes_them_without_a_word(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")

    done = subprocess.run(
        [analyze, "verify", "--man=no", *installed(tmp_path)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_takes_them_with_tls(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    units = installed(tmp_path)
    for unit in units:
        folder = tmp_path / f"{unit.name}.d"
        folder.mkdir()
        (folder / "tls.conf").write_text((DEPLOY / "systemd/tls.conf").read_text())

    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert settings_in((DEPLOY / "systemd/tls.conf").read_text()) <= SETTINGS


def test_systemd_counts_them_among_the_closed_ones(tmp_path: Path) -> None:
    """Its exposure level: 0 is closed, 10 is open; a threshold of 20 is a level of 2."""
    analyze = tool("systemd-analyze", package="systemd")

    for unit in installed(tmp_path):
        command = [analyze, "security", "--no-pager", "--offline=true", "--threshold=20", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_its_command_is_understood(unit: Path) -> None:
    (command,) = values(unit, "ExecStart")
    program, *arguments = command.split()

    assert program == PROGRAM
    assert cli._parser().parse_args(arguments).service == name_of(unit)


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_its_settings_and_credentials_are_there(unit: Path, tmp_path: Path) -> None:
    subprocess.run(["sh", SECRETS_SCRIPT, tmp_path / "secrets"], check=True, capture_output=True)
    credentials = dict(told.split(":") for told in values(unit, "LoadCredential"))

    assert settings_in(unit.read_text()) <= SETTINGS
    for name, source in credentials.items():
        assert source == f"/etc/agenttrace/secrets/{name}"
        assert (tmp_path / "secrets" / name).is_file()
    read = [Path(told.partition("=")[2]) for told in values(unit, "Environment") if "%d/" in told]
    assert {path.name for path in read} == set(credentials)


def test_the_file_of_settings_can_be_read() -> None:
    text = (DEPLOY / "systemd/server.env").read_text()
    told = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    read = config.read(told)

    assert {read.ingest_address, read.query_address, read.console_address} == {
        "127.0.0.1:50051",
        "127.0.0.1:50052",
        "127.0.0.1:8080",
    }
    assert all(read.drain_seconds < float(values(unit, "TimeoutStopSec")[0]) for unit in UNITS)
