"""The composition root: the only place that constructs and wires objects."""

from __future__ import annotations

import asyncio
import secrets
import sys
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
from agenttrace_server import maintain, tls
from agenttrace_server.api_keys import Peppers
from agenttrace_server.authenticator import Authenticator
from agenttrace_server.background import end_task
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import StartupError, StoreUnavailable
from agenttrace_server.grpc_options import options_of
from agenttrace_server.health import Health
from agenttrace_server.ingest.name_caps import NameCaps
from agenttrace_server.ingest.registry import Registry
from agenttrace_server.ingest.servicer import IngestServicer, SenderOf
from agenttrace_server.ingest.upload import Sender
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.access_log import AccessLog
from agenttrace_server.interceptors.authentication import Authentication, caller_of, project_of
from agenttrace_server.interceptors.error_status import ErrorStatus
from agenttrace_server.interceptors.handlers import Context
from agenttrace_server.interceptors.open_streams import OpenStreams
from agenttrace_server.interceptors.rpc_metrics import RpcMetrics
from agenttrace_server.interceptors.safe_requests import SafeRequests
from agenttrace_server.listening import keys_required, refuse_open_address, with_port
from agenttrace_server.metrics import Metrics
from agenttrace_server.query.follow import Follower
from agenttrace_server.query.page_token import PageTokens
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.query.servicer import QueryServicer, Stores
from agenttrace_server.query.watch import WatchHub
from agenttrace_server.rate_limits import Rates
from agenttrace_server.store import migrations
from agenttrace_server.store.catalogue import CatalogueStore
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.keys import KeyStore
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.registry import RegistryStore
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore
from agenttrace_server.store.write_pool import WriteDatabase

_INGEST = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_SWITCH_SECONDS = 0.002
_DatabaseT = TypeVar("_DatabaseT", bound=Database)
_QUERY = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running service is found; `address` is empty for a process that serves no gRPC."""

    address: str
    metrics_url: str


@asynccontextmanager
async def ingest_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the ingest service for as long as the block runs, then drain it."""
    refuse_open_address(config, config.ingest_address)
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await _database(stack, config, "ingest", config.ingest_database_url, own, kind=Database)
        writing = await _writing_database(stack, config, own)
        store = IngestStore(writing, ErasureKeys(config.erasure_key, config.erasure_key_previous))
        writer = Writer(store, transactions=config.ingest_transactions, max_waiting=config.ingest_max_waiting)
        writer.start()
        stack.push_async_callback(writer.stop)
        servicer = IngestServicer(writer, own, sender_of=_sender_of(config, database, own), retention=config.retention)
        health = Health(database, own, _INGEST)
        authentication = _authentication(config, config.ingest_address, database, own)
        server = _server(own, config, health, _INGEST, authentication, SafeRequests(unwrap=False))
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(servicer, server)
        metrics_url = _serve_metrics(stack, own, config.metrics_host, config.ingest_metrics_port)
        address = await _listen(stack, server, config, own, config.ingest_address, "INGEST")
        await stack.enter_async_context(health.watching())
        stack.push_async_callback(_drain, health, servicer.drain, server, config.drain_seconds)
        yield Endpoints(address, metrics_url)


@asynccontextmanager
async def query_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the query service for as long as the block runs, then drain it."""
    refuse_open_address(config, config.query_address)
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await _database(stack, config, "query", config.query_database_url, own, kind=ReadDatabase)
        hub = WatchHub(ChangeStore(database))
        await hub.start()
        stack.push_async_callback(hub.stop)
        health = Health(database, own, _QUERY)
        authentication = _authentication(config, config.query_address, database, own)
        server = _server(own, config, health, _QUERY, authentication, SafeRequests(unwrap=True))
        query_service_pb2_grpc.add_QueryServiceServicer_to_server(_query_servicer(config, database, hub), server)
        metrics_url = _serve_metrics(stack, own, config.metrics_host, config.query_metrics_port)
        address = await _listen(stack, server, config, own, config.query_address, "QUERY")
        await stack.enter_async_context(health.watching())
        stack.push_async_callback(_drain, health, hub.drain, server, config.drain_seconds)
        yield Endpoints(address, metrics_url)


def _sender_of(config: Config, database: Database, own: Metrics) -> SenderOf:
    """What tells whose upload a call is."""
    rates = Rates(own, items_per_second=config.rate_limit_items, bytes_per_second=config.rate_limit_bytes)
    registry = Registry(RegistryStore(database).find, unregistered=NameCaps(config.name_limit).encoder)

    def sender_of(context: Context) -> Sender:
        caller = caller_of(context)
        return Sender(caller.project_id, rates.of(caller.key_id), registry)

    return sender_of


def _query_servicer(config: Config, database: ReadDatabase, hub: WatchHub) -> QueryServicer:
    # Without a key of its own each process makes one: its tokens then end with it.
    signing_key = config.page_token_key or secrets.token_hex(32)
    keys = [key.encode() for key in (signing_key, config.page_token_key_previous) if key]
    runs = RunStore(database)
    stores = Stores(
        runs=runs,
        run_details=RunDetailStore(database),
        steps=StepStore(database),
        failures=FailureStore(database),
        stats=StatsStore(database),
        catalogue=CatalogueStore(database),
    )
    resume_tokens = ResumeTokens(*keys, keep=timedelta(hours=config.watch_retention_hours))
    follower = Follower(hub, ChangeStore(database), runs)
    return QueryServicer(stores, PageTokens(*keys), resume_tokens, follower, project_of=project_of)


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


async def _writing_database(stack: AsyncExitStack, config: Config, own: Metrics) -> WriteDatabase:
    """The database to write to: a connection for each writer, and one for the lane of the re-senders."""
    database = WriteDatabase(
        config.ingest_database_url or config.database_url,
        name="agenttrace-ingest-writer",
        role=None if config.ingest_database_url else "agenttrace_ingest",
        max_size=min(config.pool_max_size, config.ingest_transactions + 1),
        timeout_seconds=config.pool_timeout_seconds,
    )
    stack.push_async_callback(database.close)
    try:
        await database.open(config.connect_timeout_seconds)
    except StoreUnavailable as error:
        raise StartupError(migrations.unreachable(config.ingest_database_url or config.database_url)) from error
    own.watch_pool(database.pool)
    # A writer that has its answer waits at most so long for the thread that converts messages.
    sys.setswitchinterval(_SWITCH_SECONDS)
    return database


def _authentication(config: Config, address: str, database: Database, own: Metrics) -> Authentication:
    """What lets calls in at an address."""
    key_required = keys_required(config, address)
    if key_required and not config.key_pepper:
        raise StartupError(f"{address} needs keys: set {PREFIX}KEY_PEPPER, the same for all (`openssl rand -hex 32`)")
    peppers = Peppers(config.key_pepper, config.key_pepper_previous)
    return Authentication(Authenticator(KeyStore(database).find, peppers, own, key_required=key_required))


def _server(
    own: Metrics,
    config: Config,
    health: Health,
    service: str,
    authentication: Authentication,
    safe_requests: SafeRequests,
) -> grpc.aio.Server:
    """A server with everything around the service itself; interceptors from the outermost on."""
    server = grpc.aio.server(
        interceptors=[
            AccessLog(),
            RpcMetrics(own),
            ErrorStatus(),
            authentication,
            OpenStreams(config.rate_limit_streams, own),
            safe_requests,
        ],
        options=options_of(config),
    )
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    if config.reflection:
        names = (service, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    return server


async def _listen(
    stack: AsyncExitStack, server: grpc.aio.Server, config: Config, own: Metrics, address: str, name: str
) -> str:
    """Start the server; return its address with the real port."""
    certificates = tls.certificates(config, own)
    try:
        if certificates:
            port = server.add_secure_port(address, certificates.credentials)
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        raise StartupError(f"can not listen on {address}: stop what does, or set {PREFIX}{name}_ADDRESS") from None
    if certificates:
        await stack.enter_async_context(certificates.watching())
    stack.push_async_callback(server.stop, None)
    await server.start()
    return with_port(address, port)


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
