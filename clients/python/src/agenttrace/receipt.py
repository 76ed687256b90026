"""What became of everything recorded: the receipt, and the counters it is made from."""

import threading
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of everything that was recorded since the start of the process.

    Items are run messages (a start, an end, a heartbeat), steps and failures.

    Attributes:
        sent: Items that were given to the network at least once.
        accepted: Items that the server stored.
        duplicate: Items that the server knew already.
        rejected: Items that the server refused for good.
        dropped: Items that were given up here: the queue was full, or the server will never take them.
        pending: Items that wait in memory for their acknowledgement.
        spooled: Items that wait on disk: they survive the process.
        recovered: Items that earlier processes had left in the spool and that the server now has or refused for good.
            They are counted here alone.
        damaged: Damaged records and places found in the spool; each held up to some hundred items.
        rejected_attributes: Attributes that the server left out of an item it stored.
        refused_names: Names that are no token; recorded as `invalid_name` or left out.
        refused_attributes: Attributes and other facts that were left out here.
    """

    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0
    pending: int = 0
    spooled: int = 0
    recovered: int = 0
    damaged: int = 0
    rejected_attributes: int = 0
    refused_names: int = 0
    refused_attributes: int = 0

    @property
    def complete(self) -> bool:
        """True if the server has everything: nothing waits, was dropped, damaged or rejected."""
        return not (self.pending or self.spooled or self.dropped or self.damaged or self.rejected)


_MEASURED = {"pending", "spooled", "damaged"}
_COUNTED = frozenset(field.name for field in fields(Receipt)) - _MEASURED


class Ledger:
    """The counters of one exporter."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Begin at zero, with a lock that nobody holds."""
        # Reentrant, as a signal handler of the host may record, too.
        self._lock = threading.RLock()
        self._counts = dict.fromkeys(_COUNTED, 0)

    def add(self, **counts: int) -> None:
        """Add to counters, named as in Receipt."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def receipt(self, **measured: int) -> Receipt:
        """Return the counters as they are, with what is measured instead of counted."""
        with self._lock:
            return Receipt(**measured, **self._counts)
