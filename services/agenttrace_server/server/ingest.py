"""The ingest service: write-only."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from agenttrace.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from agenttrace_server.config import Config
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import ServiceError
from agenttrace_server.ingest.counting import Counting, ProjectNames
from agenttrace_server.ingest.name_caps import NameCaps
from agenttrace_server.ingest.registry import Registry
from agenttrace_server.ingest.servicer import IngestServicer, SenderOf
from agenttrace_server.ingest.upload import Sender
from agenttrace_server.ingest.writer import Writer
from agenttrace_server.interceptors.authentication import caller_of
from agenttrace_server.interceptors.handlers import Context
from agenttrace_server.interceptors.safe_requests import SafeRequests
from agenttrace_server.listening import refuse_open_address
from agenttrace_server.metrics import DomainMetrics, IngestMetrics, Metrics
from agenttrace_server.rate_limits import Rates
from agenttrace_server.server.calls import Service, serve_calls
from agenttrace_server.server.databases import open_database, open_writing_database
from agenttrace_server.server.endpoints import Endpoints
from agenttrace_server.store.agents import AgentStore
from agenttrace_server.store.ingest import IngestStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.registry import RegistryStore

# A writer that has its answer waits at most so long for the thread that converts messages.
_SWITCH_SECONDS = 0.002
_log = logging.getLogger(__name__)


@asynccontextmanager
async def ingest_service(config: Config) -> AsyncIterator[Endpoints]:
    """Run the ingest service for as long as the block runs, then drain it."""
    refuse_open_address(config, config.ingest_address)
    async with AsyncExitStack() as stack:
        own = Metrics(config.revision)
        database = await open_database(stack, config, "ingest", own, kind=Database)
        writing = await open_writing_database(stack, config, own)
        sys.setswitchinterval(_SWITCH_SECONDS)
        counted = IngestMetrics(own)
        counting = await _counting(config, AgentStore(database), own, counted)
        store = IngestStore(writing, ErasureKeys(config.erasure_key, config.erasure_key_previous))
        writer = Writer(store, counting, transactions=config.ingest_transactions, max_waiting=config.ingest_max_waiting)
        counted.watch(writer)
        writer.start()
        stack.push_async_callback(writer.stop)
        servicer = IngestServicer(
            writer, counted, sender_of=_sender_of(config, database, own), retention=config.retention
        )
        service = Service(
            name="ingest",
            descriptor=ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            add=partial(ingest_service_pb2_grpc.add_IngestServiceServicer_to_server, servicer),
            safe_requests=SafeRequests(unwrap=False),
            end_streams=servicer.drain,
        )
        yield await serve_calls(stack, config, own, database, service)


async def _counting(config: Config, agents: AgentStore, own: Metrics, counted: IngestMetrics) -> Counting:
    """What counts what is committed; the series of the agents there are begin at 0."""
    domain = DomainMetrics(own, agent_limit=config.metrics_agent_limit)
    try:
        for project, agent_id in await agents.recent(config.metrics_agent_limit):
            domain.expect(project, agent_id)
    except ServiceError as error:
        # Their series begin when they are next seen.
        _log.warning("recent_agents_unknown", extra={"reason": error.reason})
    return Counting(counted, domain, ProjectNames(agents.project_name))


def _sender_of(config: Config, database: Database, own: Metrics) -> SenderOf:
    """What tells whose upload a call is."""
    rates = Rates(own, items_per_second=config.rate_limit_items, bytes_per_second=config.rate_limit_bytes)
    registry = Registry(RegistryStore(database).find, unregistered=NameCaps(config.name_limit).encoder)

    def sender_of(context: Context) -> Sender:
        caller = caller_of(context)
        return Sender(caller.project_id, rates.of(caller.key_id), registry)

    return sender_of
