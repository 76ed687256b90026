"""What was recorded, as parcels to be sent: the way out of the buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.packing import Parcel, pack

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable

    from agenttrace.buffer import Buffer
    from agenttrace.heartbeats import Heartbeats
    from agenttrace.notices import Notices
    from agenttrace.receipt import Ledger

_TAKE_ITEMS = 8_192


class Intake:
    """Packs what waits in the buffer, and records the heartbeats that are due. For one thread."""

    def __init__(self, buffer: Buffer, heartbeats: Heartbeats, ledger: Ledger, notices: Notices) -> None:
        self._buffer = buffer
        self._heartbeats = heartbeats
        self._ledger = ledger
        self._notices = notices

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._buffer.is_over

    def take(self) -> deque[Parcel]:
        """Wait for a batch and return it as parcels; none where a heartbeat was due first, or nothing more comes."""
        items = self._buffer.take(_TAKE_ITEMS, self._heartbeats.wait_seconds())
        self._heartbeats.send_due()
        parcels, unfit = pack(items)
        if unfit:
            self._notices.each_minute("unfit", "agenttrace: %d items make no message and were dropped", len(unfit))
            self._ledger.add(dropped=len(unfit))
            self._buffer.settle(len(unfit), sum(unfit))
        return parcels

    def settle(self, parcels: Iterable[Parcel]) -> None:
        """Let go of parcels: they are delivered, given up or on disk."""
        parcels = list(parcels)
        self._buffer.settle(sum(parcel.items for parcel in parcels), sum(parcel.reserved_bytes for parcel in parcels))
