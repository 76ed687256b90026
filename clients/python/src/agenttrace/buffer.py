"""What waits to be sent: a bounded queue between the host's threads and the exporter's."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from agenttrace.failures import FailureRecord
    from agenttrace.steps import Step
    from agenttrace.v1 import run_pb2

    Item: TypeAlias = Step | FailureRecord | run_pb2.Run

# A run whose end is lost is taken for abandoned, which is worse than a lost step: ends get in last.
_RESERVED_FOR_RUNS = 1_000


class Buffer:
    """Items in the order they were recorded, bounded by number and (estimated) bytes.

    Items that were taken count until they are settled, so that what is on its way is bounded, too.
    The newest are refused when it is full.
    """

    def __init__(self, max_items: int, max_bytes: int, batch_items: int, delay_seconds: float) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._batch_items = batch_items
        self._delay_seconds = delay_seconds
        # Reentrant: a signal handler may record a step while its thread is in put().
        self._changed = threading.Condition(threading.RLock())
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._first_put = 0.0
        self._put_count = 0
        self._settled_count = 0
        self._flush_to = 0
        self._closed = False

    @property
    def pending(self) -> int:
        """How many items are not settled."""
        return self._put_count - self._settled_count

    @property
    def is_over(self) -> bool:
        """Whether it takes no more items and all were taken."""
        return self._closed and not self._items

    def put(self, item: Item, size: int, *companions: tuple[Item, int], is_run: bool = False) -> bool:
        """Append an item and what must not be parted from it; return False, and take none, where full."""
        with self._changed:
            limit = self._max_items + (_RESERVED_FOR_RUNS if is_run else 0)
            if self._closed or self.pending >= limit or self._bytes + size > self._max_bytes:
                return False
            if not self._items:
                self._first_put = time.monotonic()
                self._changed.notify_all()
            self._append(item, size)
            for companion in companions:
                self._append(*companion)
            if len(self._items) == self._batch_items:
                self._changed.notify_all()
            return True

    def take(self, at_most: int, timeout_seconds: float) -> list[tuple[Item, int]]:
        """Return the oldest items once a batch is due; an empty list at the timeout.

        A batch is due when it is full, has waited for the delay, is being flushed, or nothing more comes.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while not (due := self._is_due()) and (wait := self._next_look(deadline) - time.monotonic()) > 0:
                self._changed.wait(wait)
            if not due:
                return []
            return [self._items.popleft() for _ in range(min(at_most, len(self._items)))]

    def settle(self, items: int, size: int) -> None:
        """Forget items that were taken: they are acknowledged or given up."""
        with self._changed:
            self._settled_count += items
            self._bytes -= size
            self._changed.notify_all()

    def flush(self, timeout_seconds: float) -> None:
        """Wait until everything put so far is settled, or for the timeout."""
        with self._changed:
            target = self._flush_to = self._put_count
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._settled_count >= target, max(0.0, timeout_seconds))

    def close(self) -> None:
        """Take no more items; what is there is due at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _append(self, item: Item, size: int) -> None:
        self._items.append((item, size))
        self._put_count += 1
        self._bytes += size

    def _is_due(self) -> bool:
        if self._closed:
            return True
        if not self._items:
            return False
        taken_count = self._put_count - len(self._items)
        return (
            len(self._items) >= self._batch_items
            or self._flush_to > taken_count
            or time.monotonic() >= self._first_put + self._delay_seconds
        )

    def _next_look(self, deadline: float) -> float:
        return min(deadline, self._first_put + self._delay_seconds) if self._items else deadline
