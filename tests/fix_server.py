"""The real services on free ports, within the test's process, and stubs to call them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import pytest

from agenttrace.v1 import ingest_service_pb2_grpc, query_service_pb2_grpc
from agenttrace_server import server
from agenttrace_server.config import Config
from fix_pgbouncer import pooled


@dataclass
class Services:
    """Where the services of a test are, with stubs on one channel each."""

    ingest_address: str
    query_address: str
    ingest_metrics_url: str
    query_metrics_url: str
    database_url: str
    ingest_channel: grpc.Channel
    query_channel: grpc.Channel

    @property
    def ingest(self) -> ingest_service_pb2_grpc.IngestServiceStub:
        return ingest_service_pb2_grpc.IngestServiceStub(self.ingest_channel)

    @property
    def query(self) -> query_service_pb2_grpc.QueryServiceStub:
        return query_service_pb2_grpc.QueryServiceStub(self.query_channel)


def config_for(database_url: str, **settings: object) -> Config:
    """Free ports, and no patience: a test that waits for a timeout should fail soon."""
    free = {"ingest_address": "127.0.0.1:0", "query_address": "127.0.0.1:0", "page_token_key": "test"}
    ports = {"ingest_metrics_port": 0, "query_metrics_port": 0, "maintain_metrics_port": 0}
    databases = {"database_url": database_url, **pooled(database_url)}
    return Config(**{**databases, "drain_seconds": 2.0, **free, **ports, **settings})  # type: ignore[arg-type]


@contextmanager
def running(config: Config) -> Iterator[Services]:
    """Run both services in a thread of their own for as long as the block runs."""
    started: Future[tuple[server.Endpoints, server.Endpoints]] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with server.ingest_service(config) as ingest, server.query_service(config) as query:
                started.set_result((ingest, query))
                await stop.wait()
        except BaseException as exc:
            if started.done():
                raise
            started.set_exception(exc)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="services")
    thread.start()
    try:
        ingest, query = started.result(timeout=30)
        with (
            grpc.insecure_channel(ingest.address) as ingest_channel,
            grpc.insecure_channel(query.address) as query_channel,
        ):
            yield Services(
                ingest.address,
                query.address,
                ingest.metrics_url,
                query.metrics_url,
                config.database_url,
                ingest_channel,
                query_channel,
            )
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        loop.close()


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    """Ingest and query service on a fresh database."""
    with running(config_for(database_url)) as started:
        yield started
