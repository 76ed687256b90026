"""The composition root: the only place that constructs and wires objects."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from agenttrace.v1 import ingest_service_pb2, ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc
from agenttrace_server import limits, maintain
from agenttrace_server.background import end_task
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError, StoreUnavailable
from agenttrace_server.health import Health
from agenttrace_server.ingest.servicer import IngestServicer
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.access_log import AccessLog
from agenttrace_server.interceptors.error_status import ErrorStatus
from agenttrace_server.interceptors.handlers import Context
from agenttrace_server.interceptors.rpc_metrics import RpcMetrics
from agenttrace_server.interceptors.safe_requests import SafeRequests
from agenttrace_server.metrics import Metrics
from agenttrace_server.query.follow import Follower
from agenttrace_server.query.page_token import PageTokens
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.query.servicer import QueryServicer, Stores
from agenttrace_server.query.watch import WatchHub
from agenttrace_server.records import DEFAULT_PROJECT_ID
from agenttrace_server.store import migrations
from agenttrace_server.store.catalogue import CatalogueStore
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore

_INGEST = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_PENDING_CALLS = 50_000
_DatabaseT = TypeVar("_DatabaseT", bound=Database)
_QUERY = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running service is found; `address` is empty for a process that serves no gRPC."""

    address: str
    metrics_url: str


def _project_of(_: Context) -> int:
    """The project of a call. Without keys there is one."""
    return DEFAULT_PROJECT_ID


@asynccontextmanager
async def ingest_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the ingest service for as long as the block runs, then drain it."""
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await _database(stack, config, "ingest", config.ingest_database_url, own, kind=Database)
        writer = Writer(
            IngestStore(database), transactions=config.ingest_transactions, max_waiting=config.ingest_max_waiting
        )
        writer.start()
        stack.push_async_callback(writer.stop)
        servicer = IngestServicer(writer, own, project_of=_project_of, retention=config.retention)
        health = Health(database, own, _INGEST)
        server = _server(own, config, health, _INGEST, SafeRequests(unwrap=False))
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(servicer, server)
        metrics_url = _serve_metrics(stack, own, config.metrics_host, config.ingest_metrics_port)
        address = await _listen(stack, server, config.ingest_address, "INGEST")
        await stack.enter_async_context(health.watching())
        stack.push_async_callback(_drain, health, servicer.drain, server, config.drain_seconds)
        yield Endpoints(address, metrics_url)


@asynccontextmanager
async def query_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the query service for as long as the block runs, then drain it."""
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await _database(stack, config, "query", config.query_database_url, own, kind=ReadDatabase)
        hub = WatchHub(ChangeStore(database))
        await hub.start()
        stack.push_async_callback(hub.stop)
        health = Health(database, own, _QUERY)
        server = _server(own, config, health, _QUERY, SafeRequests(unwrap=True))
        query_service_pb2_grpc.add_QueryServiceServicer_to_server(_query_servicer(config, database, hub), server)
        metrics_url = _serve_metrics(stack, own, config.metrics_host, config.query_metrics_port)
        address = await _listen(stack, server, config.query_address, "QUERY")
        await stack.enter_async_context(health.watching())
        stack.push_async_callback(_drain, health, hub.drain, server, config.drain_seconds)
        yield Endpoints(address, metrics_url)


def _query_servicer(config: Config, database: ReadDatabase, hub: WatchHub) -> QueryServicer:
    # Without a key of its own each process makes one: its tokens then end with it.
    key = (config.page_token_key or secrets.token_hex(32)).encode()
    runs = RunStore(database)
    stores = Stores(
        runs=runs,
        run_details=RunDetailStore(database),
        steps=StepStore(database),
        failures=FailureStore(database),
        stats=StatsStore(database),
        catalogue=CatalogueStore(database),
    )
    resume_tokens = ResumeTokens(key, keep=timedelta(hours=config.watch_retention_hours))
    follower = Follower(hub, ChangeStore(database), runs)
    return QueryServicer(stores, PageTokens(key), resume_tokens, follower, project_of=_project_of)


@asynccontextmanager
async def maintain_service(config: Config) -> AsyncIterator[Endpoints]:
    """Do the rounds of maintenance for as long as the block runs."""
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await _database(stack, config, "maintain", config.maintain_database_url, own, kind=Database)
        task = asyncio.create_task(_maintainer(database, config).forever())
        stack.push_async_callback(end_task, task)
        yield Endpoints("", _serve_metrics(stack, own, config.metrics_host, config.maintain_metrics_port))


async def maintain_once(config: Config) -> dict[str, int]:
    """Do one round of maintenance; return what was done, by name."""
    async with AsyncExitStack() as stack:
        database = await _database(stack, config, "maintain", config.maintain_database_url, Metrics(), kind=Database)
        return await _maintainer(database, config).once()


def _maintainer(database: Database, config: Config) -> maintain.Maintainer:
    """Return what does the rounds of maintenance."""
    stores = maintain.Stores(MaintenanceStore(database), RetentionStore(database), RollupStore(database))
    watch_retention = timedelta(hours=config.watch_retention_hours)
    return maintain.Maintainer(stores, retention=config.retention, watch_retention=watch_retention)


async def _database(
    stack: AsyncExitStack, config: Config, role: str, url: str, own: Metrics, *, kind: type[_DatabaseT]
) -> _DatabaseT:
    """A database that answers and has the schema of this release."""
    if not url and not config.database_url:
        raise StartupError(
            f"no database: set AGENTTRACE_SERVER_{role.upper()}_DATABASE_URL or use `agenttrace-server up`"
        )
    database = kind(
        url or config.database_url,
        name=f"agenttrace-{role}",
        role=None if url else f"agenttrace_{role}",
        max_size=config.pool_max_size,
        timeout_seconds=config.pool_timeout_seconds,
    )
    stack.push_async_callback(database.close)
    try:
        await database.open(config.connect_timeout_seconds)
        migrations.check_version(await database.schema_version())
    except StoreUnavailable as error:
        raise StartupError(migrations.unreachable(url or config.database_url)) from error
    own.watch_pool(database.pool)
    return database


def _server(own: Metrics, config: Config, health: Health, service: str, safe_requests: SafeRequests) -> grpc.aio.Server:
    """A server with everything around the service itself; interceptors from the outermost on."""
    server = grpc.aio.server(
        interceptors=[AccessLog(), RpcMetrics(own), ErrorStatus(), safe_requests],
        options=[
            ("grpc.max_receive_message_length", limits.MESSAGE_BYTES),
            # gRPC's own limit ends calls as CANCELLED before we see them; ours answers UNAVAILABLE with a delay.
            ("grpc.server.max_pending_requests", _PENDING_CALLS),
            ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS),
            # Windows that grow by probing hold megabytes a stream while the writer is slow: backpressure would come
            # after the memory is gone.
            ("grpc.http2.bdp_probe", 0),
            # Unless it is asked for, a second process on a port must fail to start, not take half of the calls.
            ("grpc.so_reuseport", int(config.reuse_port)),
        ],
    )
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    if config.reflection:
        names = (service, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    return server


async def _listen(stack: AsyncExitStack, server: grpc.aio.Server, address: str, name: str) -> str:
    """Start the server; return its address with the real port."""
    host = address.rpartition(":")[0]
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        raise StartupError(f"can not listen on {address}: stop what does, or set {PREFIX}{name}_ADDRESS") from None
    stack.push_async_callback(server.stop, None)
    await server.start()
    return f"{host}:{port}"


def _serve_metrics(stack: AsyncExitStack, own: Metrics, host: str, port: int) -> str:
    """Serve /metrics; return its URL with the real port."""
    try:
        httpd, thread = start_http_server(port, host, own.registry)
    except OSError:
        raise StartupError(f"can not serve /metrics on {host}:{port}: stop what does, or set another port") from None
    stack.callback(thread.join)
    stack.callback(httpd.server_close)
    stack.callback(httpd.shutdown)
    return f"http://{host}:{httpd.server_port}/metrics"


async def _drain(health: Health, drain: Callable[[], None], server: grpc.aio.Server, grace: float) -> None:
    """Say so, let open calls end with their answers, then stop."""
    await health.drain()
    drain()
    await server.stop(grace)
