from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from agenttrace.cli import words
from agenttrace.cli.completion import candidates
from agenttrace.v1 import failure_pb2, run_pb2

COMMANDS = ["runs", "run", "failures", "stats", "tail", "export", "doctor", "completion"]


def completed(*typed):
    return [found.word for found in candidates(typed)]


def test_commands_come_first():
    assert completed("") == COMMANDS
    assert completed("ru") == ["runs", "run"]


def test_flags_are_those_of_the_command():
    assert {"--agent", "--attribute", "--no-has-retries"} <= set(completed("runs", "--"))
    assert completed("stats", "--b") == ["--by", "--bucket"]
    assert completed("doctor", "--ing") == ["--ingest-endpoint"]


def test_a_flag_that_counts_once_is_offered_once():
    assert "--session" not in completed("runs", "--session", "s-1", "--")
    assert "--agent" in completed("runs", "--agent", "a", "--")


def test_words_of_closed_sets_are_offered_behind_their_flag():
    assert completed("runs", "--status", "f") == ["failure"]
    assert completed("failures", "--type", "") == list(words.FAILURE_TYPES)
    assert completed("stats", "--by", "") == list(words.GROUPS)
    assert completed("completion", "") == list(words.SHELLS)


def test_where_nothing_is_known_nothing_is_said():
    """The shell offers files then."""
    assert completed("export", "--output", "") == []
    assert completed("runs", "--agent", "") == []


def test_the_words_are_those_of_the_contract():
    statuses = [name.removeprefix("RUN_STATUS_").lower() for name in run_pb2.RunStatus.keys()[1:]]
    types = [name.removeprefix("FAILURE_TYPE_").lower() for name in failure_pb2.FailureType.keys()[1:]]

    assert (list(words.STATUSES), list(words.FAILURE_TYPES)) == (statuses, types)


def test_completing_loads_neither_rich_nor_grpc():
    """It happens at a key press."""
    code = "import sys; from agenttrace.cli import main; main(['__complete', 'runs', '--']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.splitlines()[-1].split())

    assert not {"rich", "grpc", "google.protobuf"} & loaded


# Each evaluates the real script in the real shell, then asks what completes `agenttrace runs --status f`.
ASK = {
    "bash": """
        source <(agenttrace completion bash)
        COMP_WORDS=(agenttrace runs --status f); COMP_CWORD=3
        complete -p agenttrace > /dev/null || exit 1
        _agenttrace agenttrace; printf '%s\\n' "${COMPREPLY[@]}"
        COMP_WORDS=(agenttrace ru); COMP_CWORD=1; _agenttrace agenttrace; printf '%s\\n' "${COMPREPLY[@]}"
    """,
    # What zsh shows needs a terminal: what would be shown is printed instead.
    "zsh": """
        autoload -U compinit; compinit -u -D
        source <(agenttrace completion zsh)
        (( $+_comps[agenttrace] )) || exit 1
        _describe() { print -l -- "${found[@]%%:*}" }
        words=(agenttrace runs --status f); CURRENT=4; _agenttrace
        words=(agenttrace ru); CURRENT=2; _agenttrace
    """,
    "fish": """
        agenttrace completion fish | source
        complete -C 'agenttrace runs --status f' | string split -f1 \\t
        complete -C 'agenttrace ru' | string split -f1 \\t
    """,
}
OPTIONS = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}


@pytest.fixture
def path(tmp_path):
    """A PATH with our command in it."""
    command = tmp_path / "agenttrace"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m agenttrace "$@"\n')
    command.chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("shell", words.SHELLS)
def test_a_shell_that_evaluates_its_script_completes(shell, path, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")

    environment = os.environ | {"PATH": path, "HOME": str(tmp_path)}
    command = [shell, *OPTIONS[shell], "-c", ASK[shell]]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(run.stdout.split()) == sorted(["failure", "run", "runs"])
