"""The maintain process: what has to be done again and again, by nobody's request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from agenttrace_server.errors import ServiceError
from agenttrace_server.records import AbandonedRuns
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore

# Partitions exist a week ahead: a maintain process that stands still for days does no harm.
PARTITION_DAYS = 8
_ABANDON_LIMIT = 1000
# Deleted in one transaction: soon done, so that nobody waits for a row for long.
_DELETE_LIMIT = 1000
_HOURS_LIMIT = 1000
# A tombstone is needed until all that was there at the erasure is TOO_OLD, however late a spool is sent: for the
# retention, a day in which items may be dated ahead, and some for agents' clocks.
_TOMBSTONES_LONGER = timedelta(days=7)
# An hour is computed once it is left alone; one that never is, from time to time.
_QUIET = timedelta(minutes=2)
_PATIENCE = timedelta(minutes=15)
_log = logging.getLogger(__name__)

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Stores:
    """What maintenance works on."""

    maintenance: MaintenanceStore
    retention: RetentionStore
    rollups: RollupStore


@dataclass(frozen=True, slots=True)
class _Chore:
    """One part of maintenance, and how long to wait between two rounds of it."""

    name: str
    interval_seconds: float
    act: Callable[[], Awaitable[Counts]]


class Maintainer:
    """Does the rounds.

    `retention`: how long runs are kept, from the day on which they were first seen. `watch_retention`: how long
    changes are kept for WatchRuns. `abandoned`: told of the runs that were marked ABANDONED.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        retention: timedelta,
        watch_retention: timedelta,
        abandoned: Callable[[Sequence[AbandonedRuns]], None] = lambda _: None,
    ) -> None:
        self._stores = stores
        self._abandoned = abandoned
        self._retention = retention
        # Longer than a resume token is valid, so that one is never honoured half.
        self._keep = watch_retention + timedelta(minutes=10)

    async def once(self) -> Counts:
        """Do everything once; return what was done, by name. One part that fails keeps none from being tried.

        Raises StoreUnavailable.
        """
        done: Counts = {}
        failures: list[ServiceError] = []
        for chore in self._chores(quiet=timedelta(0)):
            try:
                done |= await chore.act()
            except ServiceError as error:
                _log.warning("maintain_failed", extra={"chore": chore.name, "reason": error.reason})
                failures.append(error)
        if failures:
            raise failures[0]
        return done

    async def forever(self) -> None:
        """Do rounds until cancelled; an outage is waited out, and no part waits for another."""
        async with asyncio.TaskGroup() as tasks:
            for chore in self._chores(quiet=_QUIET):
                tasks.create_task(_repeat(chore), name=f"maintain-{chore.name}")

    def _chores(self, *, quiet: timedelta) -> list[_Chore]:
        async def roll_up() -> Counts:
            return await self._roll_up(quiet)

        return [
            _Chore("partitions", 10, self._create_partitions),
            _Chore("runs", 10, self._abandon_runs),
            _Chore("changes", 10, self._trim_changes),
            _Chore("retention", 600, self._retain),
            _Chore("rollups", 30, roll_up),
        ]

    async def _create_partitions(self) -> Counts:
        return {"partitions_created": len(await self._stores.maintenance.create_partitions(PARTITION_DAYS))}

    async def _abandon_runs(self) -> Counts:
        async def batch() -> int:
            abandoned = await self._stores.maintenance.abandon_runs(_ABANDON_LIMIT)
            self._abandoned(abandoned)
            return sum(agent.run_count for agent in abandoned)

        return {"runs_abandoned": await _total(batch)}

    async def _trim_changes(self) -> Counts:
        return {"changes_trimmed": await self._stores.maintenance.trim_changes(self._keep)}

    async def _retain(self) -> Counts:
        before = _first_day_kept(self._retention)
        deleted = await _total(lambda: self._stores.retention.delete_runs(before, _DELETE_LIMIT))
        dropped = await self._stores.retention.drop_partitions(before)
        trimmed = await self._stores.maintenance.trim_erasures(self._retention + _TOMBSTONES_LONGER)
        return {"runs_deleted": deleted, "partitions_dropped": dropped, "tombstones_trimmed": trimmed}

    async def _roll_up(self, quiet: timedelta) -> Counts:
        rollups = self._stores.rollups
        await rollups.trim_marks()
        computed = 0
        for hour in await rollups.dirty_hours(quiet=quiet, patience=_PATIENCE, limit=_HOURS_LIMIT):
            try:
                computed += await rollups.roll_up(hour)
            except ServiceError as error:
                # Perhaps only this hour takes too long; the others are not to wait for it.
                _log.warning("roll_up_failed", extra={"hour": hour.hour.isoformat(), "reason": error.reason})
        return {"hours_rolled_up": computed}


def _first_day_kept(retention: timedelta) -> date:
    """The whole day on which something that is not too old may have been received, and one to spare."""
    return (datetime.now(UTC) - retention).date() - timedelta(days=1)


async def _total(batch: Callable[[], Awaitable[int]]) -> int:
    """Do batches until one does nothing; return how much was done."""
    total = 0
    while (count := await batch()) > 0:
        total += count
    return total


async def _repeat(chore: _Chore) -> None:
    while True:
        try:
            done = await chore.act()
            if any(done.values()):
                _log.info("maintained", extra=done)
        except ServiceError as error:
            _log.warning("maintain_failed", extra={"chore": chore.name, "reason": error.reason})
        except Exception:
            # A bug in one part must not end the others.
            _log.exception("maintain_failed", extra={"chore": chore.name})
        await asyncio.sleep(chore.interval_seconds)
