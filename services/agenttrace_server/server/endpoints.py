"""Where a service is found: its address, and its /metrics."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import start_http_server

from agenttrace_server.errors import StartupError
from agenttrace_server.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running service is found; `address` is empty for a process that serves no calls."""

    address: str
    metrics_url: str


def serve_metrics(stack: AsyncExitStack, own: Metrics, host: str, port: int) -> str:
    """Serve /metrics until the stack ends; return its URL with the real port."""
    try:
        httpd, thread = start_http_server(port, host, own.registry)
    except OSError:
        raise StartupError(f"can not serve /metrics on {host}:{port}: stop what does, or set another port") from None
    stack.callback(thread.join)
    stack.callback(httpd.server_close)
    stack.callback(httpd.shutdown)
    return f"http://{host}:{httpd.server_port}/metrics"
