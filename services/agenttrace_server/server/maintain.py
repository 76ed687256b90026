"""The maintenance process: rounds, and no calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from agenttrace_server import maintain
from agenttrace_server.background import end_task
from agenttrace_server.config import Config
from agenttrace_server.errors import ServiceError
from agenttrace_server.metrics import LiveRunMetrics, Metrics
from agenttrace_server.server.databases import open_database
from agenttrace_server.server.endpoints import Endpoints, serve_metrics
from agenttrace_server.store.agents import AgentStore
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore

_MEASURE_SECONDS = 15.0
_log = logging.getLogger(__name__)


@asynccontextmanager
async def maintain_service(config: Config) -> AsyncIterator[Endpoints]:
    """Do the rounds of maintenance for as long as the block runs."""
    async with AsyncExitStack() as stack:
        own = Metrics(config.revision)
        database = await open_database(stack, config, "maintain", own, kind=Database)
        live = LiveRunMetrics(own, agent_limit=config.metrics_agent_limit)
        agents = AgentStore(database)
        # Before the first round: what is abandoned then is counted in series that have begun.
        await _measure(agents, live)
        for rounds in (_measure_forever(agents, live), _maintainer(database, config, live).forever()):
            stack.push_async_callback(end_task, asyncio.create_task(rounds))
        yield Endpoints("", serve_metrics(stack, own, config.metrics_host, config.maintain_metrics_port))


async def maintain_once(config: Config) -> dict[str, int]:
    """Do one round of maintenance; return what was done, by name."""
    async with AsyncExitStack() as stack:
        own = Metrics(config.revision)
        database = await open_database(stack, config, "maintain", own, kind=Database)
        live = LiveRunMetrics(own, agent_limit=config.metrics_agent_limit)
        return await _maintainer(database, config, live).once()


def _maintainer(database: Database, config: Config, live: LiveRunMetrics) -> maintain.Maintainer:
    """Return what does the rounds of maintenance."""
    stores = maintain.Stores(MaintenanceStore(database), RetentionStore(database), RollupStore(database))
    watch_retention = timedelta(hours=config.watch_retention_hours)
    return maintain.Maintainer(
        stores, retention=config.retention, watch_retention=watch_retention, abandoned=live.count_abandoned
    )


async def _measure_forever(agents: AgentStore, live: LiveRunMetrics) -> None:
    while True:
        await asyncio.sleep(_MEASURE_SECONDS)
        await _measure(agents, live)


async def _measure(agents: AgentStore, live: LiveRunMetrics) -> None:
    """Measure what agents are at; an outage of the database leaves nothing to show."""
    try:
        live.show(await agents.measure())
    except ServiceError as error:
        live.show_nothing()
        _log.warning("agents_not_measured", extra={"reason": error.reason})
