"""Commands in the documentation are commands that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from agenttrace_server import cli

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The lines of a page's shell blocks that call the server's command."""
    lines = [line for block in BLOCK.findall((DOCS / page).read_text()) for line in block.splitlines()]
    return [line for line in lines if line.startswith("agenttrace-server ")]


def test_the_page_of_keys_has_commands() -> None:
    assert len(commands("keys.md")) > 10


@pytest.mark.parametrize("command", commands("keys.md"))
def test_a_documented_command_is_understood(command: str) -> None:
    _, *arguments = shlex.split(command, comments=True)

    assert callable(cli._parser().parse_args(arguments).command)
