"""The maintenance process: rounds, and no calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from agenttrace_server import maintain
from agenttrace_server.background import end_task
from agenttrace_server.config import Config
from agenttrace_server.metrics import Metrics
from agenttrace_server.server.databases import open_database
from agenttrace_server.server.endpoints import Endpoints, serve_metrics
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore


@asynccontextmanager
async def maintain_service(config: Config) -> AsyncIterator[Endpoints]:
    """Do the rounds of maintenance for as long as the block runs."""
    async with AsyncExitStack() as stack:
        own = Metrics()
        database = await open_database(stack, config, "maintain", own, kind=Database)
        task = asyncio.create_task(_maintainer(database, config).forever())
        stack.push_async_callback(end_task, task)
        yield Endpoints("", serve_metrics(stack, own, config.metrics_host, config.maintain_metrics_port))


async def maintain_once(config: Config) -> dict[str, int]:
    """Do one round of maintenance; return what was done, by name."""
    async with AsyncExitStack() as stack:
        database = await open_database(stack, config, "maintain", Metrics(), kind=Database)
        return await _maintainer(database, config).once()


def _maintainer(database: Database, config: Config) -> maintain.Maintainer:
    """Return what does the rounds of maintenance."""
    stores = maintain.Stores(MaintenanceStore(database), RetentionStore(database), RollupStore(database))
    watch_retention = timedelta(hours=config.watch_retention_hours)
    return maintain.Maintainer(stores, retention=config.retention, watch_retention=watch_retention)
