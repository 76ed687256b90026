"""The clients there are, each with a client.json that says how it is built, tested and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "clients"
REQUIRED = tuple(name for name in os.environ.get("AGENTTRACE_REQUIRE_CLIENTS", "").split(",") if name)
_BUILD_SECONDS = 1200
_RUN_SECONDS = 300

Command = Sequence[str]


@dataclass(frozen=True)
class Client:
    """One language's client. Commands are run in its folder; `{python}` is the Python that runs the tests."""

    language: str
    tools: Sequence[str] = ()
    build: Sequence[Command] = ()
    unit: Sequence[Command] = ()
    conformance: Command = ()
    example: Command = ()
    bench: Command = ()
    environment: Mapping[str, str] | None = None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return FOLDER / self.language

    def missing_tools(self) -> list[str]:
        """Return the programs it is built with that the machine lacks."""
        return [name for name in self.tools if shutil.which(name) is None]

    def run(
        self, command: Command, *arguments: str, seconds: float = _RUN_SECONDS, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to the end."""
        full = [part.replace("{python}", sys.executable) for part in command] + list(arguments)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AGENTTRACE_")}
        settings = {**inherited, **(self.environment or {}), **environment}
        return subprocess.run(
            full, cwd=self.folder, env=settings, capture_output=True, text=True, timeout=seconds, check=False
        )

    def built(self) -> Client:
        """Build it; return it."""
        for command in self.build:
            done = self.run(command, seconds=_BUILD_SECONDS)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return self


def all_clients() -> dict[str, Client]:
    """Return every client by its language."""
    told = {file.parent.name: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*/client.json"))}
    return {name: Client(name, **fields) for name, fields in told.items()}


def why_not(language: str) -> str:
    """Return why a language's client can not be used on this machine; empty where it can."""
    client = all_clients().get(language)
    if client is None:
        return "there is no such client"
    return ", ".join(f"{name} is not installed" for name in client.missing_tools())


def usable(language: str) -> Client:
    """Return a client whose tools are here; skip where one is missing, or fail where the client is required."""
    reason = why_not(language)
    if not reason:
        return all_clients()[language]
    if language in REQUIRED:
        pytest.fail(f"{language}: {reason}, and AGENTTRACE_REQUIRE_CLIENTS names it")
    pytest.skip(f"{language}: {reason}")
