"""Group commit: a small, fixed number of writers commit together what many streams hand in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from agenttrace_server.background import end_task
from agenttrace_server.errors import Overloaded
from agenttrace_server.ingest.bisect import write_bisecting
from agenttrace_server.ingest.convert import Batch
from agenttrace_server.ingest.counting import Counting
from agenttrace_server.records import EncodedRow, Outcome, RunMessage
from agenttrace_server.store.ingest import IngestStore

# What one transaction takes at most: large enough that its fixed cost vanishes, small enough to end soon.
_TRANSACTION_ROWS = 5_000
_TRANSACTION_BYTES = 8 * 2**20
# Rows differ in size by a factor of 50: what may wait is bounded in bytes as well.
_WAITING_BYTES = 32 * 2**20


@dataclass(slots=True, eq=False)
class Contribution:
    """One message's rows on their way, and who waits for what becomes of them."""

    project_id: int
    runs: list[RunMessage]
    steps: list[EncodedRow]
    failures: list[EncodedRow]
    outcome: asyncio.Future[Outcome]
    row_count: int = field(init=False)
    byte_count: int = field(init=False)
    since: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.row_count = len(self.runs) + len(self.steps) + len(self.failures)
        self.byte_count = sum([len(row.body) for rows in (self.steps, self.failures) for row in rows])
        self.byte_count += sum([len(run.attributes) for run in self.runs])


class Writer:
    """Commits contributions; a contributor is told once everything of its own is committed.

    A writer takes whatever waits: under load transactions grow, without it nobody waits for company. What may be
    known already goes to a lane of its own: one client that sends again must not slow a hundred that do not.
    `counting` is told of each batch. `transactions`: writers of the first lane. `max_waiting`: rows that may wait
    before new calls are Overloaded.
    """

    def __init__(self, store: IngestStore, counting: Counting, *, transactions: int, max_waiting: int) -> None:
        self._store = store
        self._counting = counting
        self._max_waiting = max_waiting
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._lanes = {merge: _Lane() for merge in (False, True)}
        self._workers = {False: transactions, True: 1}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the writers."""
        self._tasks = [
            asyncio.create_task(self._work(merge), name=f"writer-{'merge' if merge else 'copy'}")
            for merge, workers in self._workers.items()
            for _ in range(workers)
        ]

    async def stop(self) -> None:
        """End the writers; nobody is waiting for them any more."""
        for task in self._tasks:
            await end_task(task)

    def refuse_if_full(self) -> None:
        """Raise Overloaded where a new call would only wait."""
        if self._is_full():
            raise Overloaded

    async def room(self) -> None:
        """Wait until there is room for one more contribution: this is the streams' backpressure."""
        while self._is_full():
            self._room.clear()
            await self._room.wait()

    @property
    def depth(self) -> int:
        """How many rows wait."""
        return self._waiting_rows

    @property
    def capacity(self) -> int:
        """How many rows may wait before new calls are Overloaded."""
        return self._max_waiting

    @property
    def oldest_age_seconds(self) -> float:
        """How long the row has waited that waits longest; 0 where none does. May be asked by any thread."""
        waiting = [since for lane in self._lanes.values() if (since := lane.oldest()) is not None]
        return max(0.0, time.monotonic() - min(waiting)) if waiting else 0.0

    def _is_full(self) -> bool:
        return self._waiting_rows >= self._max_waiting or self._waiting_bytes >= _WAITING_BYTES

    def submit(self, project_id: int, batch: Batch, *, merge: bool) -> asyncio.Future[Outcome]:
        """Hand in a batch. The future's outcome is committed; or it raises StoreUnavailable or Overloaded."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        contribution = Contribution(project_id, batch.runs.rows, batch.steps.rows, batch.failures.rows, outcome)
        if contribution.row_count == 0:
            outcome.set_result(Outcome([], [], []))
            return outcome
        self._waiting_rows += contribution.row_count
        self._waiting_bytes += contribution.byte_count
        self._lanes[merge].put(contribution)
        return outcome

    async def _work(self, merge: bool) -> None:
        lane = self._lanes[merge]
        while True:
            taken = await lane.take()
            self._waiting_rows -= sum(contribution.row_count for contribution in taken)
            self._waiting_bytes -= sum(contribution.byte_count for contribution in taken)
            self._room.set()
            await self._commit(taken, merge=merge)

    async def _commit(self, taken: Sequence[Contribution], *, merge: bool) -> None:
        runs = [row for contribution in taken for row in contribution.runs]
        steps = [row for contribution in taken for row in contribution.steps]
        failures = [row for contribution in taken for row in contribution.failures]
        project_id = taken[0].project_id
        began = time.monotonic()
        try:
            outcome = await write_bisecting(self._store, project_id, runs, steps, failures, merge=merge)
        except Exception as exc:
            self._counting.failed(exc)
            _fail(taken, exc)
        else:
            await self._counting.committed(project_id, steps, failures, outcome, time.monotonic() - began)
            _complete(taken, outcome)


class _Lane:
    """Contributions that wait, in their order."""

    def __init__(self) -> None:
        self._contributions: deque[Contribution] = deque()
        self._filled = asyncio.Event()

    def put(self, contribution: Contribution) -> None:
        self._contributions.append(contribution)
        self._filled.set()

    def oldest(self) -> float | None:
        """Since when the first has waited; None where none does."""
        try:
            return self._contributions[0].since
        except IndexError:  # asked by another thread, which a look before would not help
            return None

    async def take(self) -> list[Contribution]:
        """Wait for a contribution; return it with those behind it that fit into one transaction of its project."""
        while not self._contributions:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._contributions.popleft()]
        rows, size = taken[0].row_count, taken[0].byte_count
        while self._contributions and self._contributions[0].project_id == taken[0].project_id:
            rows += self._contributions[0].row_count
            size += self._contributions[0].byte_count
            if rows > _TRANSACTION_ROWS or size > _TRANSACTION_BYTES:
                break
            taken.append(self._contributions.popleft())
        return taken


def _fail(taken: Sequence[Contribution], exc: Exception) -> None:
    for contribution in taken:
        if not contribution.outcome.done():
            contribution.outcome.set_exception(exc)


def _complete(taken: Sequence[Contribution], outcome: Outcome) -> None:
    """Give each contributor its own part of the outcome."""
    run = step = failure = 0
    for contribution in taken:
        runs, steps, failures = len(contribution.runs), len(contribution.steps), len(contribution.failures)
        if not contribution.outcome.done():  # its caller may have gone
            part = Outcome(
                outcome.runs[run : run + runs],
                outcome.steps[step : step + steps],
                outcome.failures[failure : failure + failures],
            )
            contribution.outcome.set_result(part)
        run, step, failure = run + runs, step + steps, failure + failures
