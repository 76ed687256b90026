"""Between streams and store: how many transactions run at once, and how many batches may wait for one."""

from __future__ import annotations

import asyncio

from agenttrace_server.errors import Overloaded
from agenttrace_server.ingest.convert import Batch
from agenttrace_server.records import Outcome
from agenttrace_server.store.ingest import IngestStore


class Writer:
    """Writes each batch in a transaction of its own; a caller waits until its batch is committed.

    `transactions`: that many at once. `max_waiting`: batches that may wait; a further one is Overloaded.
    """

    def __init__(self, store: IngestStore, *, transactions: int, max_waiting: int) -> None:
        self._store = store
        self._slots = asyncio.Semaphore(transactions)
        self._max_waiting = max_waiting
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many batches wait for a transaction."""
        return self._waiting

    async def write(self, project_id: int, batch: Batch) -> Outcome:
        """Return what became of the batch's rows, committed. Raises Overloaded and StoreUnavailable."""
        rows = [row for _, row in batch.runs], [row for _, row in batch.steps], [row for _, row in batch.failures]
        if not any(rows):
            return Outcome([], [], [])
        if self._waiting >= self._max_waiting:
            raise Overloaded
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._store.write(project_id, *rows)
        finally:
            self._slots.release()
