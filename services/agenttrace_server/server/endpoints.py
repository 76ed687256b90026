"""Where a service is found: its address, and its /metrics."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from agenttrace_server.errors import StartupError
from agenttrace_server.metrics import Metrics
from agenttrace_server.metrics.exposition import content_type, exposition


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running service is found; `address` is empty for a process that serves no calls."""

    address: str
    metrics_url: str


def serve_metrics(stack: AsyncExitStack, own: Metrics, host: str, port: int) -> str:
    """Serve /metrics until the stack ends; return its URL with the real port."""
    try:
        server = _Server(host, port, own)
    except OSError:
        raise StartupError(f"can not serve /metrics on {host}:{port}: stop what does, or set another port") from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}/metrics"


class _Server(socketserver.ThreadingTCPServer):
    """Answers in threads: a scraper that is slow keeps nobody waiting, least of all the event loop."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, metrics: Metrics) -> None:
        self.metrics = metrics
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self.address_family = family
        super().__init__(address, _Handler)  # type: ignore[arg-type]  # an address as its family has it


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0  # of one that sends nothing

    def do_GET(self) -> None:
        """Answer a scrape."""
        if self.path.partition("?")[0] not in ("/", "/metrics"):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind = content_type(self.headers.get("Accept", ""))
        body = exposition(self.server.metrics.registry, kind)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing of scrapes."""
