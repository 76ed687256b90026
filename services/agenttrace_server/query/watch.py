"""Tells watches which runs changed: one poller a process, and a bounded mailbox for each watch."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from agenttrace_server.background import end_task
from agenttrace_server.errors import Draining, ServiceError
from agenttrace_server.read_records import ChangePosition
from agenttrace_server.store.changes import Changes, ChangeStore

# Rows of one statement, and so about the runs of one delivery.
BATCH_ROWS = 1000
# Changed runs that may wait for one reader. They are ids only, each once however often it changes.
_MAX_WAITING = 5000
_MAX_PAUSE_SECONDS = 10.0
_log = logging.getLogger(__name__)


class CloseReason(Enum):
    """Why the server ends a watch."""

    SLOW_READER = "SLOW_READER"
    DRAINING = "DRAINING"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Runs that changed since the delivery before, and the position reached with them."""

    run_ids: frozenset[UUID]
    position: ChangePosition


class Mailbox:
    """What one watch has still to tell. A run that changes often while the reader is slow waits once.

    Not a queue of messages: that fills by the number of changes, and this by the number of runs.
    """

    def __init__(self, position: ChangePosition) -> None:
        self.position = position
        self.close_reason: CloseReason | None = None
        self._waiting: set[UUID] = set()
        self._filled = asyncio.Event()

    def put(self, changes: Changes) -> None:
        """Add changes; close the mailbox where more are waiting than it may hold."""
        if self.close_reason is not None:
            return
        self._waiting |= changes.run_ids
        self.position = changes.position
        if len(self._waiting) > _MAX_WAITING:
            self.close(CloseReason.SLOW_READER)
        elif self._waiting:
            self._filled.set()

    def close(self, reason: CloseReason) -> None:
        """End the watch with this reason; what is waiting is for the watch that resumes."""
        self.close_reason = self.close_reason or reason
        self._waiting.clear()
        self._filled.set()

    async def take(self, timeout_seconds: float) -> Delivery:
        """Return what is waiting as soon as there is something; nothing, and the position, at the timeout."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._filled.wait()
        except TimeoutError:
            pass
        delivery = Delivery(frozenset(self._waiting), self.position)
        self._waiting.clear()
        if self.close_reason is None:
            self._filled.clear()
        return delivery


class WatchHub:
    """Polls the changes of every project that is watched and fills the mailboxes.

    Polling, not LISTEN: that works neither through a transaction pooler nor on a standby.
    """

    def __init__(self, changes: ChangeStore, *, poll_seconds: float = 0.5) -> None:
        self._changes = changes
        self._poll_seconds = poll_seconds
        self._mailboxes: dict[int, set[Mailbox]] = defaultdict(set)
        self._positions: dict[int, ChangePosition] = {}
        self._draining = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._poll_forever(), name="watch-poller")

    async def stop(self) -> None:
        """End all watches and the polling."""
        self.drain()
        if self._task is not None:
            await end_task(self._task)

    def drain(self) -> None:
        """End all watches, and refuse new ones."""
        self._draining = True
        for mailboxes in self._mailboxes.values():
            for mailbox in mailboxes:
                mailbox.close(CloseReason.DRAINING)

    @asynccontextmanager
    async def mailbox(self, project_id: int) -> AsyncIterator[Mailbox]:
        """A mailbox that is filled for as long as the block runs, with what changes from its position on."""
        if project_id not in self._positions:
            bounds = await self._changes.bounds(project_id)
            self._positions.setdefault(project_id, bounds.position)
        # Behind the last await: a mailbox opened after drain() would never be closed.
        if self._draining:
            raise Draining
        mailbox = Mailbox(self._positions[project_id])
        self._mailboxes[project_id].add(mailbox)
        try:
            yield mailbox
        finally:
            self._leave(project_id, mailbox)

    def _leave(self, project_id: int, mailbox: Mailbox) -> None:
        self._mailboxes[project_id].discard(mailbox)
        if not self._mailboxes[project_id]:
            # Nobody polls it any more: the next watch begins with what is then now.
            del self._mailboxes[project_id]
            self._positions.pop(project_id, None)

    async def _poll_forever(self) -> None:
        pause = self._poll_seconds
        while True:
            await asyncio.sleep(pause)
            pause = self._poll_seconds if await self._polled() else min(pause * 2, _MAX_PAUSE_SECONDS)

    async def _polled(self) -> bool:
        """Poll every watched project; whether that worked. Watches wait for a database that is away."""
        try:
            for project_id in list(self._mailboxes):
                await self._poll(project_id)
        except ServiceError as error:
            _log.warning("watch_poll_failed", extra={"reason": error.reason})
        except Exception:  # a poller that dies would leave every watch silent for good
            _log.exception("watch_poll_failed")
        else:
            return True
        return False

    async def _poll(self, project_id: int) -> None:
        """Read all that changed and put it into the mailboxes."""
        more = True
        while more and project_id in self._positions:
            changes = await self._changes.behind(project_id, self._positions[project_id], BATCH_ROWS)
            more = changes.more
            # No await from here on: a mailbox opened meanwhile begins either before or behind these changes.
            if project_id in self._positions:
                self._positions[project_id] = changes.position
            for mailbox in self._mailboxes.get(project_id, ()):
                mailbox.put(changes)
