"""The query service: read-only."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from agenttrace.v1 import query_service_pb2, query_service_pb2_grpc
from agenttrace_server.background import end_task
from agenttrace_server.config import Config
from agenttrace_server.errors import ServiceError
from agenttrace_server.interceptors.authentication import project_of
from agenttrace_server.interceptors.safe_requests import SafeRequests
from agenttrace_server.listening import refuse_open_address
from agenttrace_server.metrics import Metrics, ReplicationMetrics
from agenttrace_server.query.follow import Follower
from agenttrace_server.query.page_token import PageTokens
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.query.servicer import QueryServicer, Stores
from agenttrace_server.query.watch import WatchHub
from agenttrace_server.server.calls import Service, serve_calls
from agenttrace_server.server.databases import open_database
from agenttrace_server.server.endpoints import Endpoints
from agenttrace_server.store.catalogue import CatalogueStore
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.replication import ReplicationStore
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore

_LAG_SECONDS = 5.0


@asynccontextmanager
async def query_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the query service for as long as the block runs, then drain it."""
    refuse_open_address(config, config.query_address)
    async with AsyncExitStack() as stack:
        own = Metrics(config.revision)
        database = await open_database(stack, config, "query", own, kind=ReadDatabase)
        hub = WatchHub(ChangeStore(database))
        await hub.start()
        stack.push_async_callback(hub.stop)
        lag = asyncio.create_task(_measure_lag_forever(ReplicationStore(database), ReplicationMetrics(own)))
        stack.push_async_callback(end_task, lag)
        servicer = _query_servicer(config, database, hub)
        service = Service(
            name="query",
            descriptor=query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
            add=partial(query_service_pb2_grpc.add_QueryServiceServicer_to_server, servicer),
            safe_requests=SafeRequests(unwrap=True),
            end_streams=hub.drain,
        )
        yield await serve_calls(stack, config, own, database, service)


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


async def _measure_lag_forever(replication: ReplicationStore, shown: ReplicationMetrics) -> None:
    while True:
        try:
            shown.show(await replication.lag_seconds())
        except ServiceError:
            # Health tells of the outage; an old figure would look like a new one.
            shown.show(None)
        await asyncio.sleep(_LAG_SECONDS)
