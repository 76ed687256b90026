"""The threads behind an exporter, in one process: the sending one and, with a spool, the writing one."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from agenttrace.uploader import Uploader

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.intake import Intake
    from agenttrace.notices import Notices
    from agenttrace.receipt import Ledger
    from agenttrace.spool import Spool
    from agenttrace.spooling import Spooling
    from agenttrace.uploader import Send, Source


class Delivery:
    """Delivers what an intake gives: straight to the server, or by way of a spool."""

    def __init__(
        self,
        intake: Intake,
        send: Send,
        ledger: Ledger,
        notices: Notices,
        timeout_seconds: float,
        spool: Spool | None,
    ) -> None:
        self._spool = spool
        self._spooling: Spooling | None = None
        if spool:
            from agenttrace.spooling import Spooling  # noqa: PLC0415 # brings sqlite3

            self._spooling = Spooling(intake, spool, ledger, notices)
        source: Source = self._spooling or intake
        self._uploader = Uploader(source, send, ledger, notices, timeout_seconds)
        self._starting = threading.Lock()
        self._workers: list[_Worker] = []
        self.started = False

    @property
    def measured(self) -> dict[str, int]:
        """What the spool holds and has lost, as in Receipt."""
        return {"spooled": self._spool.own_items, "damaged": self._spool.damaged} if self._spool else {}

    def start(self) -> None:
        """Start the threads, if they are not."""
        with self._starting:
            if self.started:
                return
            if self._spooling:
                self._workers.append(_Worker("agenttrace-spool", self._spooling.fill))
            self._workers.append(_Worker("agenttrace-exporter", self._uploader.run))
            self.started = True

    def flush(self, deadline: float) -> None:
        """Wait until what the spool holds of this process is acknowledged."""
        if self._spooling:
            self._spooling.flush(deadline)

    def stop(self, deadline: float) -> None:
        """Deliver what is left, as far as the time goes; the intake must be closed."""
        self._uploader.stop(deadline)
        for worker in self._workers:
            worker.finish(deadline)
        if self._spool:
            self._spool.close()

    def leave_to_parent(self) -> None:
        """Touch nothing more: this is a forked child."""
        if self._spool:
            self._spool.leave_to_parent()


class _Worker:
    """A thread, or what it would have done where none can start any more."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._work = work
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        with suppress(RuntimeError):  # too late in the life of the process to start one
            self._thread.start()

    def finish(self, deadline: float) -> None:
        """Wait for its end; what is sent has a timeout of its own, so that a little more is enough."""
        if self._thread.ident is None:
            self._work()
        elif self._thread is not threading.current_thread():
            self._thread.join(max(0.0, deadline - time.monotonic()) + 0.5)
