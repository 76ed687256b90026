"""The web console: a client of the query service that serves pages."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from agenttrace_server import tls
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.console.app import create_app
from agenttrace_server.console.pages import environment
from agenttrace_server.console.readers import Readers
from agenttrace_server.console.sessions import Sessions
from agenttrace_server.console.state import Console, Settings
from agenttrace_server.errors import StartupError
from agenttrace_server.listening import LOCAL_SCHEMES, is_loopback, keys_required, refuse_open_address, split
from agenttrace_server.metrics import ConsoleMetrics, Metrics
from agenttrace_server.server.endpoints import Endpoints, serve_metrics

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@asynccontextmanager
async def console_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the console for as long as the block runs, then drain it. `address` of what it yields is its URL.

    It starts without the query service: its pages say so, and come back with it.
    """
    refuse_open_address(config, config.console_address)
    async with AsyncExitStack() as stack:
        own = Metrics()
        console = _console(config)
        stack.push_async_callback(console.readers.close)
        listener = stack.enter_context(_listen(config.console_address))
        metrics_url = serve_metrics(stack, own, config.metrics_host, config.console_metrics_port)
        server = _Server(await _uvicorn_config(stack, config, console, own))
        serving = asyncio.create_task(server.serve([listener]))
        stack.push_async_callback(_drain, server, serving, console)
        await server.serves.wait()
        yield Endpoints(_url(config, listener), metrics_url)


class _Server(uvicorn.Server):
    """A server that leaves the signals to our process, and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def query_endpoint(config: Config) -> str:
    """Return where the console finds the query service: as told, else where this configuration has it."""
    if config.console_query_endpoint:
        return config.console_query_endpoint
    if config.query_address.startswith(LOCAL_SCHEMES):
        return config.query_address
    host, port = split(config.query_address)
    reachable = f"[{host}]" if ":" in host else host
    # Without a scheme the client takes an address of another machine for TLS.
    return f"{'https' if config.tls_certificate_file else 'http'}://{reachable or '127.0.0.1'}:{port}"


def _console(config: Config) -> Console:
    login_required = keys_required(config, config.console_address) or keys_required(config, config.query_address)
    secret_texts = [config.console_session_key or secrets.token_hex(32), config.console_session_key_previous]
    return Console(
        settings=Settings(
            login_required=login_required,
            hosts=frozenset() if login_required else _hosts(config),
            grafana_url=config.grafana_url.rstrip("/"),
        ),
        readers=Readers(query_endpoint(config), root_certificates=config.console_query_ca_file),
        sessions=Sessions(*filter(None, secret_texts)),
        templates=environment(),
    )


def _hosts(config: Config) -> frozenset[str]:
    """The names under which a console without a login is reached; empty, any, where it is open on purpose."""
    if not is_loopback(config.console_address):
        return frozenset()
    own = urllib.parse.urlsplit(config.console_url).hostname
    return _LOCAL_NAMES | {split(config.console_address)[0].lower()} | ({own} if own else set())


async def _uvicorn_config(stack: AsyncExitStack, config: Config, console: Console, own: Metrics) -> uvicorn.Config:
    certificates = tls.certificates(config, own)
    told = uvicorn.Config(
        create_app(console, ConsoleMetrics(own).observe),
        log_config=None,
        log_level="warning",
        access_log=False,  # addresses hold what visitors look for
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=int(config.drain_seconds),
        ssl_certfile=config.tls_certificate_file or None,
        ssl_keyfile=config.tls_key_file or None,
    )
    told.load()
    if certificates and told.ssl:
        certificates.follow(told.ssl)
        await stack.enter_async_context(certificates.watching())
    return told


@contextlib.contextmanager
def _listen(address: str) -> Iterator[socket.socket]:
    host, port = split(address)
    family = socket.AF_INET6 if _is_v6(host) else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
    except OSError:
        raise StartupError(f"can not listen on {address}: stop what does, or set {PREFIX}CONSOLE_ADDRESS") from None
    # Connections inherit it. asyncio sets it on sockets that name their protocol, which those of create_server do not.
    # Without it each page waits 40 ms for the acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


def _is_v6(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).version == 6
    return False


def _url(config: Config, listener: socket.socket) -> str:
    """Return the console's address for people."""
    host, _ = split(config.console_address)
    told = f"[{host}]" if ":" in host else host or "127.0.0.1"
    scheme = "https" if config.tls_certificate_file else "http"
    return f"{scheme}://{told}:{listener.getsockname()[1]}"


async def _drain(server: uvicorn.Server, serving: asyncio.Task[None], console: Console) -> None:
    """End live pages, let others end with their answers, then stop."""
    console.feeds.drain()
    server.should_exit = True
    await serving
