"""The guides do what they say: the quickstart is run, and every setting and file that a guide names is there.

The commands of the other are run by test_deployment_guide.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agenttrace.cli import arguments
from agenttrace_server import cli
from deploy_files import ROOT, SETTINGS, our_services, settings_in
from faults.processes import wait_until
from fix_product import clean_environment
from pages import DOCS, block, call, fenced, shell

GUIDES = ["quickstart.md", "deployment.md", "architecture.md"]
OURS = {"agenttrace", "agenttrace-server"}
OTHERS = {
    *("cd", "cp", "export", "install", "make", "python", "python3", "pip", "sh", "sudo", "systemctl", "unset", "."),
    *("docker", "kubectl"),
}
# Made by the commands themselves.
MADE = ("deploy/.env", "deploy/secrets", "deploy/kubernetes/overlays/mine")


def calls(page: str) -> Iterator[tuple[str, list[str]]]:
    """Program and arguments of each call; one of our image in a container is one of the program in it."""
    for command in (command for found in shell(page) for command in found.commands()):
        program, *words = call(command)
        if program == "docker" and "run" in words:
            service, *rest = [word for word in words[words.index("run") + 1 :] if word != "--rm"]
            assert service in our_services(), command
            yield "agenttrace-server", rest
        else:
            yield program.rpartition("/")[2], words


@pytest.mark.parametrize("page", GUIDES)
def test_every_shell_block_can_be_parsed(page: str) -> None:
    for found in shell(page):
        done = subprocess.run(["bash", "-n"], input=found.text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, found.text + done.stderr


@pytest.mark.parametrize("page", GUIDES[:2])
def test_every_command_of_ours_is_understood(page: str) -> None:
    served = [told for program, told in calls(page) if program == "agenttrace-server"]
    asked = [told for program, told in calls(page) if program == "agenttrace"]

    assert served
    for told in served:
        assert callable(cli._parser().parse_args(told).command), told
    for told in asked:
        assert arguments.parser().parse_args(told), told


@pytest.mark.parametrize("page", GUIDES[:2])
def test_every_other_program_is_one_that_people_have(page: str) -> None:
    """A misspelt program of ours is not taken for another's."""
    assert {program for program, _ in calls(page)} <= OURS | OTHERS


@pytest.mark.parametrize("page", GUIDES)
def test_every_setting_is_one_that_there_is(page: str) -> None:
    assert settings_in((DOCS / page).read_text()) <= SETTINGS


@pytest.mark.parametrize("page", GUIDES)
def test_every_file_that_is_named_is_there(page: str) -> None:
    text = (DOCS / page).read_text()
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    named = set(
        re.findall(r"(?<![\w./~-])((?:deploy|dashboards|examples|db|docs|proto|services|clients)/[\w./-]*\w)", text)
    )

    assert all((DOCS / link).exists() for link in links if link)
    missing = {name for name in named if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}*"))}
    assert not {name for name in missing if not name.startswith(MADE)}


def test_the_quickstart_installs_what_it_goes_on_with() -> None:
    """`make setup` made what this test stands on: here it says what it would do, in the same folder."""
    installs = block("quickstart.md", "setup").replace("make setup", "make --dry-run setup")

    said = run_step(f"{installs}\ncommand -v agenttrace agenttrace-server", ROOT, clean_environment())

    assert said.split()[-2:] == [str(ROOT / ".venv/bin" / name) for name in ("agenttrace", "agenttrace-server")]


def test_the_quickstart_does_what_it_says(tmp_path: Path) -> None:
    """Everything but the installation, which is what this test stands on; on free ports in a folder of its own."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for found in fenced("quickstart.md"):
        if found.language == "python":
            (tmp_path / found.word).write_text(found.text)
    steps = [found.text for found in shell("quickstart.md") if not found.word]
    environment = clean_environment(
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **{f"AGENTTRACE_SERVER_{n}_ADDRESS": "127.0.0.1:0" for n in ("INGEST", "QUERY", "CONSOLE")},
        **{f"AGENTTRACE_SERVER_{n}_METRICS_PORT": "0" for n in ("INGEST", "QUERY", "CONSOLE", "MAINTAIN")},
    )
    endpoints = tmp_path / ".agenttrace/endpoints.json"
    log = (tmp_path / "up.log").open("wb")
    process = subprocess.Popen(
        shlex.split(block("quickstart.md", "server")), cwd=tmp_path, env=environment, stdout=log, stderr=log
    )
    try:
        wait_until(lambda: endpoints.exists() or process.poll() is not None, "everything runs", 90)
        where = json_of(endpoints)
        environment |= {"AGENTTRACE_ENDPOINT": where["ingest"], "AGENTTRACE_QUERY_ENDPOINT": where["query"]}
        said = [run_step(step, tmp_path, environment) for step in steps]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        log.close()

    assert "12 runs recorded" in said[0]
    assert "not_found" in said[1]
    assert "my-agent" in said[2]
    assert "at_" in said[3]


def json_of(file: Path) -> dict[str, str]:
    loaded: dict[str, str] = json.loads(file.read_text())
    return loaded


def run_step(text: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a block; each of its commands has to end well."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, text + done.stdout + done.stderr
    return done.stdout
