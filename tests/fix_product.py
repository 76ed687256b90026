"""The whole product as its user starts it: `agenttrace-server up` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "agenttrace_server"]
# For an `up` that is not ephemeral: several run at the same time.
FREE_PORTS = {
    **{f"AGENTTRACE_SERVER_{name}_ADDRESS": "127.0.0.1:0" for name in ("INGEST", "QUERY", "CONSOLE")},
    **{f"AGENTTRACE_SERVER_{name}_METRICS_PORT": "0" for name in ("INGEST", "QUERY", "CONSOLE", "MAINTAIN")},
}


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of AgentTrace but the given ones."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AGENTTRACE_")} | settings


def run_server(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `agenttrace-server` to its end."""
    command = [*COMMAND, *arguments]
    environment = clean_environment(**settings)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


@dataclass
class Product:
    """A running `up`, and where its services are."""

    process: subprocess.Popen[str]
    endpoints: Mapping[str, Any]
    endpoints_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What an agent and the command line need to find it."""
        return clean_environment(
            AGENTTRACE_ENDPOINT=self.endpoints["ingest"], AGENTTRACE_QUERY_ENDPOINT=self.endpoints["query"]
        )

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a Python program or module against it."""
        return subprocess.run(
            [sys.executable, *command], env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )


@contextmanager
def up(
    folder: Path, *arguments: str, ephemeral: bool = True, output: int | None = None, **settings: str
) -> Iterator[Product]:
    """Run `up` for as long as the block runs; its data stays where it is not ephemeral.

    `output`: a descriptor to write to, instead of the file up.log.
    """
    endpoints_file = folder / "endpoints.json"
    command = [*COMMAND, "up", *["--ephemeral"] * ephemeral, "--endpoints-file", str(endpoints_file), *arguments]
    log = (folder / "up.log").open("w+")
    out = log if output is None else output
    process = subprocess.Popen(
        command, cwd=folder, env=clean_environment(**settings), stdout=out, stderr=out, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not endpoints_file.exists():
            assert process.poll() is None, (folder / "up.log").read_text()
            assert time.monotonic() < deadline, "not healthy within 60 s"
            time.sleep(0.05)
        yield Product(process, json.loads(endpoints_file.read_text()), endpoints_file)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        log.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product for the tests of a process that only add to it."""
    with up(tmp_path_factory.mktemp("product")) as running:
        yield running
