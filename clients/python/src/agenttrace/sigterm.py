"""Delivers what waits when the process is told to end, where the host has no handler for SIGTERM of its own."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from agenttrace.exporter import close_all, flush_all

if TYPE_CHECKING:
    from types import FrameType


def install() -> None:
    """Handle SIGTERM if nobody else does; only the main thread can. `Tracer` calls it.

    The process goes on while it delivers, for `exit_seconds` at most, and then ends by SIGTERM as it would have. A
    second SIGTERM ends it at once.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with suppress(ValueError):  # not the main interpreter
            signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _: FrameType | None) -> None:
    # Called by a handler of the host's it only flushes, for then the host decides what becomes of the process. So does
    # the kernel of the first process of a container, which the default action does not end.
    ends = signal.getsignal(number) is _on_sigterm and os.getpid() != 1
    if ends:
        signal.signal(number, signal.SIG_DFL)
    try:
        # Not in this thread, which may hold the locks that delivering takes; nor those that `threading` takes.
        _thread.start_new_thread(_deliver, (number, ends))
    except RuntimeError:  # too late in the life of the process
        if ends:
            os.kill(os.getpid(), number)


def _deliver(number: int, ends: bool) -> None:
    if not ends:
        flush_all()
        return
    try:
        close_all()
    finally:
        os.kill(os.getpid(), number)
