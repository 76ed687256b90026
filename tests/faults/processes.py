"""Real processes to kill: an ingest service, and a proxy that stands in the way of one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fix_product import COMMAND, clean_environment


def wait_until(is_so: Callable[[], Any], what: str, seconds: float = 20) -> None:
    """Wait until something is so, within its time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class IngestProcess:
    """`agenttrace-server serve` on a migrated database; may be killed and started again. `name`: another service."""

    def __init__(self, folder: Path, database_url: str, *, name: str = "ingest", **settings: object) -> None:
        self._folder = folder
        self._name = name
        self._settings = {
            "DATABASE_URL": database_url,
            "INGEST_ADDRESS": "127.0.0.1:0",
            "INGEST_METRICS_PORT": "0",
            "QUERY_ADDRESS": "127.0.0.1:0",
            "QUERY_METRICS_PORT": "0",
            "DRAIN_SECONDS": "5",
        } | {name.upper(): str(value) for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.address = self.metrics_url = ""

    def __enter__(self) -> IngestProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running():
            self.terminate()
        if self._process:
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start the process; return once it serves."""
        report = self._folder / "ingest.json"
        report.unlink(missing_ok=True)
        environment = clean_environment(**{f"AGENTTRACE_SERVER_{k}": v for k, v in self._settings.items()})
        command = [*COMMAND, "serve", self._name, "--report-file", str(report), "--parent", str(os.getpid())]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_until(lambda: report.exists() or not self.is_running(), "the service serves", 60)
        assert self.is_running(), self._log.read_text()
        endpoints = json.loads(report.read_text())
        self.address, self.metrics_url = endpoints["address"], endpoints["metrics_url"]

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, as a crash or the kernel out of memory would."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask the process to drain and end."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float = 20) -> int:
        assert self._process
        return self._process.wait(seconds)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def open_files(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def _log(self) -> Path:
        return self._folder / "ingest.log"

    def log_text(self) -> str:
        return self._log.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        """What it has logged; a line that is no JSON is an exception that nobody caught."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) if line.startswith("{") else {"level": "ERROR", "event": line} for line in lines]

    def assert_log_is_calm(self, *expected: str) -> None:
        """No error in the log but those expected: not one INTERNAL, no exception that nobody took."""
        bad = [line for line in self.log_lines() if line["level"] in ("ERROR", "CRITICAL")]
        assert [line for line in bad if line["event"] not in expected] == []


class Proxy:
    """Forwards connections, and can be told to swallow what the server answers, to stand still, or to aim elsewhere."""

    def __init__(self, target: tuple[str, int], *, host: str = "127.0.0.1") -> None:
        self.target = target
        self._swallowing = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close(self._listener)
        self._flowing.set()
        for end in list(self._sockets):
            self._close(end)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def lead_to(self, address: str) -> None:
        """Take new connections to another `host:port`."""
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))

    def swallow_answers(self) -> None:
        """From now on nothing that the server sends arrives."""
        self._swallowing.set()

    def cut(self) -> None:
        """From now on nothing arrives on either side, and nobody is told."""
        self._flowing.clear()

    def mend(self) -> None:
        """What was held up by the cut arrives, and everything after it."""
        self._flowing.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self.target)
                except OSError:
                    self._close(near)
                    continue
                self._sockets |= {near, far}
                for source, sink, is_answer in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pump, args=(source, sink, is_answer), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if not (is_answer and self._swallowing.is_set()):
                    sink.sendall(data)
        self._close(source)
        self._close(sink)

    def _close(self, end: socket.socket) -> None:
        self._sockets.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
