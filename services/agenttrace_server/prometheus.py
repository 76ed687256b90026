"""The Prometheus of `up --with-prometheus`: this machine's program with our configuration and our processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from agenttrace_server import bundled
from agenttrace_server.children import Started
from agenttrace_server.config import Config
from agenttrace_server.embedded import launcher
from agenttrace_server.errors import StartupError
from agenttrace_server.listening import socket_of

_FOLDER = "prometheus"
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
# As long as the longest window that a dashboard asks for, and never the whole disk.
_KEPT = ("--storage.tsdb.retention.time=31d", "--storage.tsdb.retention.size=4GB")


def require_program() -> str:
    """Return the path of the program; StartupError where there is none."""
    found = shutil.which("prometheus")
    if not found:
        raise StartupError(
            "there is no `prometheus` on the PATH: install it (Debian and Ubuntu: apt install prometheus, macOS: "
            "brew install prometheus, else prometheus.io/download), or leave out --with-prometheus"
        )
    return found


class Prometheus(Started):
    """A Prometheus in a process of its own, which evaluates our rules and notifies nobody.

    The data folder has its configuration, made anew at each start, and what it has measured, which is kept.
    """

    def __init__(self, config: Config) -> None:
        super().__init__("prometheus", stop_seconds=_STOP_SECONDS)
        self._folder = (config.data_directory / _FOLDER).absolute()
        self._address = f"{config.metrics_host}:{config.prometheus_port or _free_port(config.metrics_host)}"

    @property
    def url(self) -> str:
        """Where people look."""
        return f"http://{self._address}"

    def start(self, metrics_urls: Mapping[str, Sequence[str]]) -> None:
        """Start it on the /metrics of each service. It is told to end when we die, whatever kills us."""
        write_configuration(self._folder / "configuration", metrics_urls)
        command = [sys.executable, "-I", launcher.__file__, str(os.getpid()), "", require_program()]
        command += [
            f"--config.file={self._folder / 'configuration' / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._address}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
            *_KEPT,
        ]
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we stop things in their order.
        self._process = subprocess.Popen(command, start_new_session=True)

    def wait_until_ready(self, stopping: threading.Event) -> None:
        """Wait until it answers; StartupError where it ends or never does."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if not self.is_running() or stopping.wait(0.1) or time.monotonic() > deadline:
                raise StartupError("Prometheus did not start: its own message is above")

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).close()  # noqa: S310 - http, to our own process
        except OSError:
            return False
        return True


def write_configuration(folder: Path, metrics_urls: Mapping[str, Sequence[str]]) -> None:
    """Write the configuration that we ship; `metrics_urls`: the URL of each process's /metrics, by service."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bundled.path("dashboards/prometheus/rules"), folder / "rules")
    shutil.copy(bundled.path("dashboards/prometheus/prometheus.yml"), folder)
    targets = {service: [urlsplit(url).netloc for url in urls] for service, urls in metrics_urls.items()}
    (folder / "targets").mkdir()
    for service, addresses in (targets | {"alertmanager": []}).items():
        (folder / "targets" / f"{service}.json").write_text(json.dumps([{"targets": addresses}]))


def _free_port(host: str) -> int:
    with socket_of(host) as probe:
        probe.bind((host.strip("[]"), 0))
        return int(probe.getsockname()[1])
