"""Signs of life of the runs that are open."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.runs import Run

LEASE_SECONDS = 300


class Heartbeats:
    """Records a heartbeat for each open run once an interval.

    A run that the host has forgotten without ending it beats no more, and the server takes it for
    abandoned.
    """

    def __init__(self, interval_seconds: float, beat: Callable[[Run, int], None]) -> None:
        self._interval_seconds = interval_seconds
        self._beat = beat
        # Reentrant, as a signal handler of the host may open or end a run, too.
        self._lock = threading.RLock()
        self._due: WeakKeyDictionary[Run, float] = WeakKeyDictionary()

    def add(self, run: Run) -> None:
        """Begin with a run that has just started."""
        with self._lock:
            self._due[run] = time.monotonic() + self._interval_seconds

    def remove(self, run: Run) -> None:
        """End with a run."""
        with self._lock:
            self._due.pop(run, None)

    def wait_seconds(self) -> float:
        """Return how long no heartbeat is due; at most one interval, within which none can become due."""
        with self._lock:
            first = min(self._due.values(), default=time.monotonic() + self._interval_seconds)
        return max(0.0, first - time.monotonic())

    def send_due(self) -> None:
        """Record the heartbeats that are due."""
        now = time.monotonic()
        with self._lock:
            runs = [run for run, due in self._due.items() if due <= now]
            self._due.update(dict.fromkeys(runs, now + self._interval_seconds))
        for run in runs:
            self._beat(run, time.time_ns())
