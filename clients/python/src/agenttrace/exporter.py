"""The exporter: takes what is recorded at once, and delivers it from a thread of its own."""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet

from agenttrace.buffer import Buffer
from agenttrace.heartbeats import Heartbeats
from agenttrace.notices import Notices
from agenttrace.receipt import Ledger, Receipt
from agenttrace.transport import GrpcSender
from agenttrace.uploader import Send, Uploader

if TYPE_CHECKING:
    from agenttrace.failures import FailureRecord
    from agenttrace.runs import Run
    from agenttrace.steps import Step
    from agenttrace.v1 import run_pb2

DEFAULT_ENDPOINT = "127.0.0.1:50051"

# What an item takes in memory, about: weighing each one would cost the host more than it is worth.
_STEP_BYTES = 700
_ATTRIBUTE_BYTES = 100
_FAILURE_BYTES = 400
_RUN_BYTES = 1_000

_live: WeakSet[Exporter] = WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much an exporter holds, and how long it waits.

    Attributes:
        max_items: Items that wait at most; further ones are dropped and counted.
        max_bytes: Their estimated memory at most.
        batch_items: Items that are sent without waiting for more.
        delay_seconds: How long the first item of a batch waits for more.
        timeout_seconds: How long one upload may take.
        heartbeat_seconds: How often an open run says that it is alive.
        exit_seconds: How long the process's exit waits for what is not delivered.
    """

    max_items: int = 50_000
    max_bytes: int = 64 * 1024 * 1024
    batch_items: int = 512
    delay_seconds: float = 1.0
    timeout_seconds: float = 30.0
    heartbeat_seconds: float = 60.0
    exit_seconds: float = 5.0


class Exporter:
    """Delivers to the ingest service; never blocks its caller and never raises.

    Its thread starts with the first item and starts anew in a forked child, which does not send what
    its parent had waiting. `send` takes the place of the network in tests.
    """

    def __init__(
        self,
        send: Send | None = None,
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        api_key: str = "",
        bounds: Bounds | None = None,
    ) -> None:
        self._send = send or GrpcSender(endpoint, api_key)
        self._bounds = bounds or Bounds()
        self.notices = Notices()
        self.ledger = Ledger()
        self._begin()
        _live.add(self)

    def record_step(self, step: Step) -> None:
        """Take a step that has ended, together with its failure."""
        size = _STEP_BYTES + _ATTRIBUTE_BYTES * len(step.attributes or ())
        companions = () if step.failure is None else ((step.failure, _FAILURE_BYTES),)
        if not self._buffer.put(step, size, *companions):
            self._drop(1 + len(companions))
        elif self._thread is None:
            self._start()

    def record_failure(self, failure: FailureRecord) -> None:
        """Take a failure of a run as a whole."""
        if not self._buffer.put(failure, _FAILURE_BYTES):
            self._drop(1)
        elif self._thread is None:
            self._start()

    def record_run(self, message: run_pb2.Run) -> None:
        """Take a message about a run. For these some room is kept when the queue is full."""
        if not self._buffer.put(message, _RUN_BYTES, is_run=True):
            self._drop(1)
        elif self._thread is None:
            self._start()

    def keep_alive(self, run: Run) -> None:
        """Say from time to time that a run is alive."""
        self._heartbeats.add(run)

    def let_go(self, run: Run) -> None:
        """Say no more that a run is alive."""
        self._heartbeats.remove(run)

    def receipt(self) -> Receipt:
        """Return what has become of everything recorded so far."""
        return self.ledger.receipt(pending=self._buffer.pending)

    def flush(self, timeout_seconds: float = 10.0) -> Receipt:
        """Wait until everything recorded so far is acknowledged, or for the timeout; return the receipt."""
        self._buffer.flush(timeout_seconds)
        return self.receipt()

    def close(self, timeout_seconds: float = 5.0) -> Receipt:
        """Deliver what waits, for at most so many seconds, and end the thread; return the receipt.

        What is recorded afterwards is dropped and counted. Closing again does nothing.
        """
        self._buffer.close()
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._uploader.stop(timeout_seconds)
            thread.join(timeout_seconds + 0.5)
        if isinstance(self._send, GrpcSender):
            self._send.close()
        left = self._buffer.pending
        if left:
            self.notices.each_minute("delivery", "agenttrace: closed with %d items not delivered", left)
        return self.receipt()

    def start_over(self) -> None:
        """Begin anew in a forked child: nothing of the parent's is sent here."""
        # Locks may be held by threads that the child has not, so each is made anew.
        self.notices.start_over()
        self.ledger.start_over()
        self._begin()

    def _begin(self) -> None:
        bounds = self._bounds
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._buffer = Buffer(bounds.max_items, bounds.max_bytes, bounds.batch_items, bounds.delay_seconds)
        self._heartbeats = Heartbeats(
            bounds.heartbeat_seconds, lambda run, now: self.record_run(run.messages.heartbeat(now))
        )
        self._uploader = Uploader(
            self._buffer, self._send, self.ledger, self.notices, self._heartbeats, bounds.timeout_seconds
        )

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._uploader.run, name="agenttrace-exporter", daemon=True)
                with suppress(RuntimeError):  # too late in the life of the process to start one
                    self._thread.start()

    def _drop(self, items: int) -> None:
        self.ledger.add(dropped=items)
        self.notices.each_minute("dropped", "agenttrace: the queue is full or closed; %d items dropped", items)


def _close_all() -> None:
    until = time.monotonic() + max((exporter._bounds.exit_seconds for exporter in _live), default=0.0)
    for exporter in list(_live):
        exporter.close(max(0.0, until - time.monotonic()))


def _start_all_over() -> None:
    for exporter in list(_live):
        exporter.start_over()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_start_all_over)
