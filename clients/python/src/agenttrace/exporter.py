"""The exporter: takes what is recorded at once, and delivers it from a thread of its own."""

from __future__ import annotations

import atexit
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet

from agenttrace.buffer import Buffer
from agenttrace.delivery import Delivery
from agenttrace.heartbeats import Heartbeats
from agenttrace.intake import Intake
from agenttrace.notices import Notices
from agenttrace.receipt import Ledger, Receipt
from agenttrace.transport import GrpcSender

if TYPE_CHECKING:
    from pathlib import Path

    from agenttrace.failures import FailureRecord
    from agenttrace.runs import Run
    from agenttrace.spool import Spool
    from agenttrace.steps import Step
    from agenttrace.uploader import Send
    from agenttrace.v1 import run_pb2

DEFAULT_ENDPOINT = "127.0.0.1:50051"

# What an item takes in memory, about: weighing each one would cost the host more than it is worth.
_STEP_BYTES = 700
_ATTRIBUTE_BYTES = 100
_FAILURE_BYTES = 400
_RUN_BYTES = 1_000

# How long a fork waits for an upload, and for a disk, at most.
_FORK_SECONDS = 1.0

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
        exit_seconds: How long the process's exit, or SIGTERM, waits for what is not delivered.
        spool_max_bytes: How much the spool's directory holds, about; beyond it the oldest is dropped.
    """

    max_items: int = 50_000
    max_bytes: int = 64 * 1024 * 1024
    batch_items: int = 512
    delay_seconds: float = 1.0
    timeout_seconds: float = 30.0
    heartbeat_seconds: float = 60.0
    exit_seconds: float = 5.0
    spool_max_bytes: int = 256 * 1024 * 1024


class Exporter:
    """Delivers to the ingest service; never blocks its caller and never raises.

    Its threads start with the first item and start anew in a forked child, which does not send what
    its parent had waiting. `send` takes the place of the network in tests.

    With a spool directory what is recorded is on disk within `delay_seconds`, or once flush() or close()
    returns, and is sent from there; what a process leaves there the next one sends.
    """

    def __init__(
        self,
        send: Send | None = None,
        *,
        endpoint: str = DEFAULT_ENDPOINT,
        api_key: str = "",
        spool_directory: str | Path | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._send = send or GrpcSender(endpoint, api_key)
        self._spool_directory = spool_directory
        self._bounds = bounds or Bounds()
        self.notices = Notices()
        self.ledger = Ledger()
        self._begin()
        _live.add(self)
        if self._spool and self._spool.has_left:
            self._delivery.start()

    def record_step(self, step: Step) -> None:
        """Take a step that has ended, together with its failure."""
        size = _STEP_BYTES + _ATTRIBUTE_BYTES * len(step.attributes or ())
        companions = () if step.failure is None else ((step.failure, _FAILURE_BYTES),)
        if not self._buffer.put(step, size, *companions):
            self._drop(1 + len(companions))
        elif not self._delivery.started:
            self._delivery.start()

    def record_failure(self, failure: FailureRecord) -> None:
        """Take a failure of a run as a whole."""
        if not self._buffer.put(failure, _FAILURE_BYTES):
            self._drop(1)
        elif not self._delivery.started:
            self._delivery.start()

    def record_run(self, message: run_pb2.Run) -> None:
        """Take a message about a run. For these some room is kept when the queue is full."""
        if not self._buffer.put(message, _RUN_BYTES, is_run=True):
            self._drop(1)
        elif not self._delivery.started:
            self._delivery.start()

    def keep_alive(self, run: Run) -> None:
        """Say from time to time that a run is alive."""
        self._heartbeats.add(run)

    def let_go(self, run: Run) -> None:
        """Say no more that a run is alive."""
        self._heartbeats.remove(run)

    def receipt(self) -> Receipt:
        """Return what has become of everything recorded so far."""
        return self.ledger.receipt(pending=self._buffer.pending, **self._delivery.measured)

    def flush(self, timeout_seconds: float = 10.0) -> Receipt:
        """Wait until everything recorded so far is acknowledged, or for the timeout; return the receipt."""
        deadline = time.monotonic() + timeout_seconds
        self._buffer.flush(timeout_seconds)
        self._delivery.flush(deadline)
        return self.receipt()

    def close(self, timeout_seconds: float = 5.0) -> Receipt:
        """Deliver what waits, for at most so many seconds, and end the threads; return the receipt.

        What is recorded afterwards is dropped and counted. Closing again does nothing.
        """
        self._buffer.close()
        self._delivery.stop(time.monotonic() + timeout_seconds)
        if isinstance(self._send, GrpcSender):
            self._send.close()
        left = self._buffer.pending
        if left:
            # A kind of its own: that an upload failed may have been said within the minute, and this is worse.
            self.notices.each_minute("closed", "agenttrace: closed with %d items not delivered: they are lost", left)
        return self.receipt()

    def before_fork(self) -> None:
        """Wait until no thread is in a call or in the spool's database: the child would find their locks held."""
        if isinstance(self._send, GrpcSender):
            self._send.before_fork(_FORK_SECONDS)
        self._paused = bool(self._spool and self._spool.lock.acquire(timeout=_FORK_SECONDS))

    def after_fork(self) -> None:
        """Go on in the parent."""
        if self._spool and self._paused:
            self._spool.lock.release()
        self._paused = False
        if isinstance(self._send, GrpcSender):
            self._send.after_fork()

    def start_over(self) -> None:
        """Begin anew in a forked child: nothing of the parent's is sent here."""
        if isinstance(self._send, GrpcSender):
            self._send.start_over()
        # Locks may be held by threads that the child has not, so each is made anew.
        self.notices.start_over()
        self.ledger.start_over()
        self._delivery.leave_to_parent()
        self._begin()

    def _begin(self) -> None:
        bounds = self._bounds
        self._paused = False
        self._buffer = Buffer(bounds.max_items, bounds.max_bytes, bounds.batch_items, bounds.delay_seconds)
        self._heartbeats = Heartbeats(
            bounds.heartbeat_seconds, lambda run, now: self.record_run(run.messages.heartbeat(now))
        )
        self._spool: Spool | None = self._open_spool()
        intake = Intake(self._buffer, self._heartbeats, self.ledger, self.notices)
        self._delivery: Delivery = Delivery(
            intake, self._send, self.ledger, self.notices, bounds.timeout_seconds, self._spool
        )

    def _open_spool(self) -> Spool | None:
        if not self._spool_directory:
            return None
        try:
            from agenttrace.spool import Spool  # noqa: PLC0415 # sqlite3 costs milliseconds, and some Pythons have none
        except ImportError:
            self.notices.once("spool", "agenttrace: this Python has no sqlite3; nothing is spooled")
            return None
        return Spool(self._spool_directory, self._bounds.spool_max_bytes)

    def _drop(self, items: int) -> None:
        self.ledger.add(dropped=items)
        # Of the same kind as a failed upload: an outage warns once a minute.
        self.notices.each_minute("delivery", "agenttrace: the queue is full or closed; %d items dropped", items)


def close_all() -> None:
    """Close every exporter of the process within the longest exit_seconds."""
    until = time.monotonic() + _exit_seconds()
    for exporter in list(_live):
        exporter.close(max(0.0, until - time.monotonic()))


def flush_all() -> None:
    """Flush every exporter of the process within the longest exit_seconds."""
    until = time.monotonic() + _exit_seconds()
    for exporter in list(_live):
        exporter.flush(max(0.0, until - time.monotonic()))


def _exit_seconds() -> float:
    return max((exporter._bounds.exit_seconds for exporter in _live), default=0.0)


def _before_fork() -> None:
    for exporter in list(_live):
        exporter.before_fork()


def _after_fork() -> None:
    for exporter in list(_live):
        exporter.after_fork()


def _start_all_over() -> None:
    for exporter in list(_live):
        exporter.start_over()


atexit.register(close_all)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_start_all_over)
