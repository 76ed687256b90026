"""`serve ingest --workers N`: several processes on one port, for more cores than one."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agenttrace_server import process
from agenttrace_server.children import Child, stop_all, stop_event, wait_for_signal
from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.listening import socket_of

# The first worker keeps the port of a single one; the others count from here.
_FURTHER_METRICS_PORTS = 9470


def serve_workers(name: str, config: Config, count: int, report_file: Path | None = None) -> int:
    """Run `count` processes of a service on one port until SIGTERM or SIGINT; return the exit code.

    The kernel gives each new connection to one of them. They share nothing but the port and the database; one that
    ends without being asked ends the others, for whoever runs us to start us again.
    """
    with ExitStack() as stack:
        stopping = stop_event(stack)
        address = stack.enter_context(_shared_port(config.ingest_address))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agenttrace-")))
        children = [Child(name, _of_worker(config, address, i), folder, label=f"{name}-{i}") for i in range(count)]
        stack.callback(stop_all, children)
        for child in children:
            child.start()
        reports = [child.wait_until_serving(stopping) for child in children]
        if report_file:
            metrics_urls = [report["metrics_url"] for report in reports]
            report = {"address": address, "metrics_url": metrics_urls[0], "metrics_urls": metrics_urls}
            process.write_atomically(report_file, json.dumps(report))
        return wait_for_signal(children, stopping)


def _of_worker(config: Config, address: str, index: int) -> Config:
    port = config.ingest_metrics_port
    if index and port:
        port = _FURTHER_METRICS_PORTS + index
    return dataclasses.replace(
        config, ingest_address=address, ingest_metrics_port=port, ingest_workers=1, reuse_port=True
    )


@contextmanager
def _shared_port(address: str) -> Iterator[str]:
    """Hold a port, a free one where 0 is asked for, so that nobody but our workers takes it."""
    host, _, port = address.rpartition(":")
    if sys.platform == "win32" or not hasattr(socket, "SO_REUSEPORT"):
        raise StartupError("this system can not share a port: run one worker, or a load balancer before several")
    with socket_of(host) as holder:
        try:
            holder.bind((host.strip("[]"), int(port)))  # without sharing, once: is it free?
        except OSError:
            raise StartupError(f"can not listen on {address}: stop what does, or set another address") from None
        real = holder.getsockname()[1]
    with socket_of(host) as holder:
        # Bound and never listening: it gets no connection, and keeps others than ours from the port.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host.strip("[]"), real))
        yield f"{host}:{real}"
