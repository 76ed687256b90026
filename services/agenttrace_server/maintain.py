"""The maintain process: what has to be done again and again, by nobody's request."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from agenttrace_server.errors import ServiceError
from agenttrace_server.store.maintenance import MaintenanceStore

# Partitions exist a week ahead: a maintain process that stands still for days does no harm.
PARTITION_DAYS = 8
_ABANDON_LIMIT = 1000
_log = logging.getLogger(__name__)


class Maintainer:
    """Does the rounds. `watch_retention`: how long changes are kept for WatchRuns."""

    def __init__(self, store: MaintenanceStore, *, watch_retention: timedelta, interval_seconds: float = 10.0) -> None:
        self._store = store
        self._interval_seconds = interval_seconds
        # Longer than a resume token is valid, so that one is never honoured half.
        self._keep = watch_retention + timedelta(minutes=10)

    async def once(self) -> dict[str, int]:
        """Do one round; return what was done, by name. Raises StoreUnavailable."""
        partitions = await self._store.create_partitions(PARTITION_DAYS)
        abandoned = 0
        while (count := await self._store.abandon_runs(_ABANDON_LIMIT)) > 0:
            abandoned += count
        trimmed = await self._store.trim_changes(self._keep)
        return {"partitions_created": len(partitions), "runs_abandoned": abandoned, "changes_trimmed": trimmed}

    async def forever(self) -> None:
        """Do rounds until cancelled; an outage is waited out."""
        while True:
            try:
                done = await self.once()
                if any(done.values()):
                    _log.info("maintained", extra=done)
            except ServiceError as error:
                _log.warning("maintain_failed", extra={"reason": error.reason})
            await asyncio.sleep(self._interval_seconds)
