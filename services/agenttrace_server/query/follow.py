"""Follows the changed runs of a project for one watch: first what it missed, then what comes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from agenttrace_server import limits
from agenttrace_server.errors import ResumeTokenExpired
from agenttrace_server.query.watch import BATCH_ROWS, CloseReason, Delivery, Mailbox, WatchHub
from agenttrace_server.read_records import ChangePosition, RunFilter, StoredRun
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.runs import RunStore


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """Runs as they are now; none in a checkpoint. A watch that resumes at the position misses nothing."""

    runs: Sequence[StoredRun]
    position: ChangePosition
    close_reason: CloseReason | None = None


class Follower:
    """Makes the events of watches."""

    def __init__(
        self, hub: WatchHub, changes: ChangeStore, runs: RunStore, *, checkpoint_seconds: float = 15.0
    ) -> None:
        self._hub = hub
        self._changes = changes
        self._runs = runs
        self._checkpoint_seconds = checkpoint_seconds

    async def events(
        self, project_id: int, run_filter: RunFilter, resume: ChangePosition | None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield events from a position on, or from now on; the first is a checkpoint: the watch stands.

        Raises ResumeTokenExpired for a position that the database has not come to: it is another one. A standby may
        still come to it.
        """
        if resume is not None:
            bounds = await self._changes.bounds(project_id)
            if resume.xid > bounds.next_xid and not bounds.is_standby:
                raise ResumeTokenExpired
        async with self._hub.mailbox(project_id) as mailbox:
            watch = _Watch(self._runs, project_id, run_filter, resume or mailbox.position, self._checkpoint_seconds)
            yield watch.checkpoint()
            async for delivery in self._deliveries(project_id, mailbox, watch, resume):
                if mailbox.close_reason is not None:
                    yield watch.checkpoint(mailbox.close_reason)
                    return
                async for event in watch.tell(delivery):
                    yield event

    async def _deliveries(
        self, project_id: int, mailbox: Mailbox, watch: _Watch, resume: ChangePosition | None
    ) -> AsyncIterator[Delivery]:
        """What changed: from the table up to what the mailbox is filled with, then from the mailbox."""
        position = resume
        while position is not None:
            changes = await self._changes.behind(project_id, position, BATCH_ROWS)
            position = changes.position if changes.more else None
            yield Delivery(changes.run_ids, changes.position)
        while True:
            yield await mailbox.take(watch.seconds_to_checkpoint())


class _Watch:
    """What one watch was told."""

    def __init__(
        self,
        runs: RunStore,
        project_id: int,
        run_filter: RunFilter,
        position: ChangePosition,
        checkpoint_seconds: float,
    ) -> None:
        self._runs = runs
        self._project_id = project_id
        self._run_filter = run_filter
        self._position = position
        self._checkpoint_seconds = checkpoint_seconds
        self._told_at = time.monotonic()

    def seconds_to_checkpoint(self) -> float:
        """How long the reader may be left without a message."""
        return max(0.0, self._told_at + self._checkpoint_seconds - time.monotonic())

    def checkpoint(self, close_reason: CloseReason | None = None) -> WatchEvent:
        """An event without runs, at the position reached."""
        return self._event((), self._position, close_reason)

    async def tell(self, delivery: Delivery) -> AsyncIterator[WatchEvent]:
        """Yield the runs that the filter selects, in messages that are not too large.

        Only the last of them moves the position: whoever resumes before it is told all of them again.
        """
        ids = list(delivery.run_ids)
        for begin in range(0, len(ids), limits.PAGE_SIZE_RUNS):
            runs = await self._selected(ids[begin : begin + limits.PAGE_SIZE_RUNS])
            is_last = begin + limits.PAGE_SIZE_RUNS >= len(ids)
            if runs:
                yield self._event(runs, max(self._position, delivery.position) if is_last else self._position)
        self._position = max(self._position, delivery.position)
        if self.seconds_to_checkpoint() == 0.0:
            yield self.checkpoint()

    async def _selected(self, run_ids: Sequence[UUID]) -> list[StoredRun]:
        return await self._runs.by_ids(self._project_id, run_ids, self._run_filter)

    def _event(
        self, runs: Sequence[StoredRun], position: ChangePosition, close_reason: CloseReason | None = None
    ) -> WatchEvent:
        self._told_at = time.monotonic()
        return WatchEvent(runs, position, close_reason)
