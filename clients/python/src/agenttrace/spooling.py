"""The way through a spool: what is recorded goes to disk first, and from there to the server."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from agenttrace.packing import Parcel
from agenttrace.v1 import ingest_service_pb2 as ingest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.intake import Intake
    from agenttrace.notices import Notices
    from agenttrace.receipt import Ledger
    from agenttrace.spool import Page, Spool

_READ_BYTES = 6 * 1024 * 1024
# How soon what another process left is noticed.
_IDLE_SECONDS = 10.0


class Spooling:
    """Writes what is recorded to the spool, in a thread of its own, and hands the sender what is there.

    What cannot be written stays in memory, counts for the buffer's bounds, and is sent all the same.
    """

    def __init__(self, intake: Intake, spool: Spool, ledger: Ledger, notices: Notices) -> None:
        self._intake = intake
        self._spool = spool
        self._ledger = ledger
        self._notices = notices
        self._changed = threading.Condition()
        self._unwritten: deque[Parcel] = deque()
        self._written = 0  # how often; the sender waits for the next time
        self._seen = -1
        self._ended = False

    def fill(self) -> None:
        """Write what is recorded until nothing more comes; the body of a thread."""
        while True:
            if parcels := self._intake.take():
                self._keep(parcels)
            elif self._intake.is_over:
                break
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to send, and nothing more will come."""
        with self._changed:
            return self._ended and not self._unwritten and self._seen == self._written

    def take(self) -> deque[Parcel]:
        """Wait for something to send and return it; none where there was nothing for a while."""
        with self._changed:
            self._changed.wait_for(self._has_news, _IDLE_SECONDS)
            if self._unwritten:
                parcels, self._unwritten = self._unwritten, deque()
                return parcels
            written = self._written
        page = self._spool.read(_READ_BYTES)
        if page is None:
            self._seen = written
            return deque()
        return _parcels(page)

    def settle(self, parcels: Sequence[Parcel]) -> None:
        """Forget parcels: they are delivered or given up."""
        spooled = [parcel for parcel in parcels if parcel.place]
        if len(spooled) < len(parcels):
            self._intake.settle(parcel for parcel in parcels if not parcel.place)
        if spooled and spooled[-1].place:
            self._spool.settle(*spooled[-1].place)
        with self._changed:
            self._changed.notify_all()

    def flush(self, deadline: float) -> None:
        """Wait until everything written so far is settled, or for the deadline, by the monotonic clock."""
        mark = self._spool.mark()
        if mark:
            file, number = mark
            with self._changed:
                self._changed.wait_for(lambda: file.done_to >= number, max(0.0, deadline - time.monotonic()))

    def _has_news(self) -> bool:
        return bool(self._unwritten) or self._seen != self._written or self._ended

    def _keep(self, parcels: deque[Parcel]) -> None:
        bodies = [(parcel.items, parcel.message.SerializeToString()) for parcel in parcels]
        try:
            dropped = self._spool.append(bodies)
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "sqlite_errorname", type(error).__name__)
            self._notices.each_minute("spool", "agenttrace: the spool cannot be written (%s)", reason)
            with self._changed:
                self._unwritten.extend(parcels)
                self._changed.notify_all()
            return
        if dropped:
            self._ledger.add(dropped=dropped)
            self._notices.each_minute("delivery", "agenttrace: the spool is full; %d items dropped", dropped)
        with self._changed:
            self._written += 1
            self._changed.notify_all()
        self._intake.settle(parcels)


def _parcels(page: Page) -> deque[Parcel]:
    """Return records as parcels; what an earlier process left may have been sent by it."""
    parcels: deque[Parcel] = deque()
    for record in page.records:
        message = ingest.UploadStepsRequest.FromString(record.body)
        message.resend = page.is_left
        parcels.append(
            Parcel(
                message=message,
                items=record.items,
                wire_bytes=len(record.body),
                place=(page.file, record.id),
                is_left=page.is_left,
            )
        )
    return parcels
