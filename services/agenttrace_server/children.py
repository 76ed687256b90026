"""The processes that `up` starts and stops, one for each service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from agenttrace_server.config import Config, environment_of
from agenttrace_server.errors import StartupError

_START_SECONDS = 60.0


class Started:
    """A process that we start and stop; `stop_seconds`: how long it may take to end when it is asked to."""

    def __init__(self, name: str, *, stop_seconds: float) -> None:
        self.name = name
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process and self.is_running():
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until the process has ended; kill it where it takes longer than it may."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=self._stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Child(Started):
    """A service in a process of its own, configured through its environment, logging where we do."""

    def __init__(self, name: str, config: Config, folder: Path, *, label: str = "") -> None:
        super().__init__(name, stop_seconds=config.drain_seconds + 10)
        self._label = label or name
        self._config = config
        self._report_file = folder / f"{self._label}.json"

    def start(self) -> None:
        """Start the process. It is told to end when we die, whatever kills us."""
        command = [sys.executable, "-m", "agenttrace_server", "serve", self.name]
        command += ["--report-file", str(self._report_file), "--parent", str(os.getpid())]
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop things in their order.
        self._process = subprocess.Popen(command, env=environment_of(self._config), start_new_session=True)

    def wait_until_serving(self, stopping: threading.Event) -> dict[str, Any]:
        """Return the endpoints the process reports; StartupError where it ends or never does."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._report_file.exists():
            if not self.is_running() or stopping.wait(0.02) or time.monotonic() > deadline:
                raise StartupError(f"the {self._label} service did not start: its own message is above")
        report: dict[str, Any] = json.loads(self._report_file.read_text())
        return report


def stop_event(stack: ExitStack) -> threading.Event:
    """Return an event that SIGTERM and SIGINT set, for as long as the stack lives."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        stack.callback(signal.signal, number, signal.signal(number, stop))
    return stopping


def wait_for_signal(children: Sequence[Started], stopping: threading.Event) -> int:
    """Wait until we are asked to stop; return the exit code: 1 where a process ended without being asked."""
    while not stopping.wait(0.5):
        dead = [child.name for child in children if not child.is_running()]
        if dead:
            print(f"agenttrace-server: {', '.join(dead)} ended unexpectedly; its log is above", file=sys.stderr)
            return 1
    return 0


def stop_all(children: Sequence[Started]) -> None:
    """Let all processes drain at the same time, and wait until they have ended."""
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
