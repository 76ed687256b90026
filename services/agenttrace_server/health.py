"""Keeps grpc.health truthful: the process is alive, and a service is ready while the database answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

from agenttrace_server.background import end_task
from agenttrace_server.errors import ServiceError
from agenttrace_server.metrics import Metrics
from agenttrace_server.store import migrations
from agenttrace_server.store.pool import Database

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_INTERVAL_SECONDS = 1.0
_PATIENCE_SECONDS = 3.0
_log = logging.getLogger(__name__)


class Health:
    """The health service of one server. An outage of the database turns readiness off, never liveness ("")."""

    def __init__(self, database: Database, metrics: Metrics, service: str) -> None:
        self.servicer = aio.HealthServicer()
        self._database = database
        self._service = service
        self._ready = metrics.ready.labels("database")
        self._schema_version = metrics.schema_version
        self._was_ready = False
        # Probes that were given up, and have not ended yet.
        self._given_up: set[asyncio.Task[int]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Check the database once a second for as long as the block runs."""
        await self.servicer.set("", _SERVING)
        await self._check()
        task = asyncio.create_task(self._check_forever())
        try:
            yield
        finally:
            for ending in (task, *self._given_up):
                await end_task(ending)

    async def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""
        await self.servicer.enter_graceful_shutdown()

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await self._check()

    async def _check(self) -> None:
        ready = await self._answers()
        if ready != self._was_ready:
            _log.info("ready" if ready else "not_ready", extra={"service": self._service})
        self._was_ready = ready
        self._ready.set(ready)
        await self.servicer.set(self._service, _SERVING if ready else _NOT_SERVING)

    async def _answers(self) -> bool:
        """Whether the database answers and has the schema of this release, or one that a newer release expanded."""
        probe = asyncio.create_task(self._database.schema_version())
        try:
            await asyncio.wait({probe}, timeout=_PATIENCE_SECONDS)
        finally:
            if not probe.done():
                self._give_up(probe)
        try:
            version = probe.result()
        except (asyncio.InvalidStateError, ServiceError):
            return False
        self._schema_version.set(version)
        return version >= migrations.expected_version()

    def _give_up(self, probe: asyncio.Task[int]) -> None:
        """Cancel it and wait no longer: a cancelled statement may itself wait, for a pooler that has no server."""
        self._given_up.add(probe)
        probe.add_done_callback(self._forget)
        probe.cancel()

    def _forget(self, probe: asyncio.Task[int]) -> None:
        self._given_up.discard(probe)
        if not probe.cancelled():
            probe.exception()  # nobody else asks for it
