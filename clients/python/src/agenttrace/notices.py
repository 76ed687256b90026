"""Warnings to the host's log: at most one a minute of a kind, never a value of the host's."""

import logging
import threading
import time

_LOG = logging.getLogger("agenttrace")
_INTERVAL_SECONDS = 60.0


class Notices:
    """Says each kind of warning once, or once a minute."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Forget what was warned of, with a lock that nobody holds."""
        # Reentrant, as a signal handler of the host may record, too.
        self._lock = threading.RLock()
        self._next: dict[str, float] = {}

    def once(self, kind: str, text: str, *facts: object) -> None:
        """Warn if this kind has not been warned of before."""
        self._warn(kind, float("inf"), text, facts)

    def each_minute(self, kind: str, text: str, *facts: object) -> None:
        """Warn unless this kind has been warned of within the last minute."""
        self._warn(kind, _INTERVAL_SECONDS, text, facts)

    def _warn(self, kind: str, interval: float, text: str, facts: tuple[object, ...]) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._next.get(kind, 0.0):
                return
            self._next[kind] = now + interval
        _LOG.warning(text, *facts)
