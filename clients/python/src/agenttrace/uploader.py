"""The sending thread: takes what waits, sends it, and sends again what was not acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from agenttrace.backoff import Backoff, Verdict
from agenttrace.v1 import ingest_service_pb2 as ingest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.notices import Notices
    from agenttrace.packing import Parcel
    from agenttrace.receipt import Ledger

# Below the contract's limit for one stream.
_STREAM_BYTES = 6 * 1024 * 1024


class Send(Protocol):
    """Uploads messages as one stream; the seam at which a test puts its double."""

    def __call__(
        self, messages: Sequence[ingest.UploadStepsRequest], timeout_seconds: float, /
    ) -> ingest.UploadStepsResponse:
        """Return the receipt, or raise; a CallError says whether trying again can help."""


class Source(Protocol):
    """Where parcels come from: the intake, or a spool behind it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""

    def take(self) -> deque[Parcel]:
        """Wait for the oldest parcels and return them; none where none came for a while."""

    def settle(self, parcels: Sequence[Parcel]) -> None:
        """Forget parcels: they are delivered or given up."""


class Uploader:
    """Delivers what a source has until it is over."""

    def __init__(self, source: Source, send: Send, ledger: Ledger, notices: Notices, timeout_seconds: float) -> None:
        self._source = source
        self._send = send
        self._ledger = ledger
        self._notices = notices
        self._timeout_seconds = timeout_seconds
        self._backoff = Backoff()
        self._interrupt = threading.Event()
        self._deadline = float("inf")
        self._tries_left = float("inf")
        self._ever_answered = False

    def run(self) -> None:
        """Deliver; the thread's body."""
        while not self._is_over():
            if parcels := self._source.take():
                self._deliver(parcels)
            elif self._source.is_over:
                return

    def stop(self, deadline: float) -> None:
        """Try at once what waits for its next try, and give up at the deadline, by the monotonic clock."""
        self._deadline = deadline
        if not self._ever_answered:
            self._tries_left = 2  # a server that was never there is not waited for
        self._interrupt.set()

    def _is_over(self) -> bool:
        return self._tries_left <= 0 or time.monotonic() >= self._deadline

    def _deliver(self, parcels: deque[Parcel]) -> None:
        while parcels and not self._is_over():
            stream = _head(parcels)
            try:
                receipt = self._upload(stream)
            except Exception as error:
                self._failed(error, parcels)
            else:
                self._ever_answered = True
                self._settle(receipt, [parcels.popleft() for _ in stream[: receipt.acknowledged_message_count]])
                if receipt.acknowledged_message_count:
                    self._backoff.succeeded()
                else:
                    self._pause(None)

    def _upload(self, stream: list[Parcel]) -> ingest.UploadStepsResponse:
        self._ledger.add(sent=sum(parcel.items for parcel in stream if not parcel.message.resend))
        seconds = max(0.05, min(self._timeout_seconds, self._deadline - time.monotonic()))
        messages = [parcel.message for parcel in stream]
        try:
            return self._send(messages, seconds)
        finally:
            for message in messages:
                message.resend = True  # should it be sent again

    def _settle(self, receipt: ingest.UploadStepsResponse, parcels: list[Parcel]) -> None:
        items = sum(parcel.items for parcel in parcels)
        if parcels and parcels[0].is_left:
            self._ledger.add(recovered=items)
        else:
            self._count(receipt.counts, items)
        if receipt.rejections:
            self._notices.each_minute("rejected", "agenttrace: the server refused %s", _reasons(receipt))
        self._source.settle(parcels)

    def _count(self, counts: ingest.RecordCounts, items: int) -> None:
        kinds = (counts.runs, counts.steps, counts.failures)
        accepted = sum(kind.accepted for kind in kinds)
        duplicate = sum(kind.duplicate for kind in kinds)
        # What was neither accepted nor known was refused, alone or with its whole message.
        rejected = items - accepted - duplicate
        self._ledger.add(accepted=accepted, duplicate=duplicate, rejected=rejected)
        self._ledger.add(rejected_attributes=counts.rejected_attribute_count)

    def _failed(self, error: Exception, parcels: deque[Parcel]) -> None:
        self._tries_left -= 1
        reason = getattr(error, "reason", "") or getattr(error, "status", "") or type(error).__name__
        if self._backoff.judge(error) is Verdict.GIVE_UP:
            parcel = parcels.popleft()
            self._notices.each_minute("given up", "agenttrace: %d items were given up: %s", parcel.items, reason)
            self._ledger.add(dropped=parcel.items)
            self._source.settle([parcel])
        else:
            # One that works at the next try is no news: a server that drains ends some calls so.
            if self._backoff.failed_before:
                self._notices.each_minute("delivery", "agenttrace: upload failed (%s); to be sent again", reason)
            self._pause(error)

    def _pause(self, error: Exception | None) -> None:
        seconds = min(self._backoff.delay_seconds(error), self._deadline - time.monotonic())
        if self._interrupt.wait(max(0.0, seconds)):
            self._interrupt.clear()


def _head(parcels: deque[Parcel]) -> list[Parcel]:
    """Return the first parcels, as many as one stream may carry."""
    sizes = itertools.accumulate(parcel.wire_bytes for parcel in parcels)
    fitting = sum(1 for size in sizes if size <= _STREAM_BYTES)
    return list(itertools.islice(parcels, max(1, fitting)))


def _reasons(receipt: ingest.UploadStepsResponse) -> str:
    """Return which fields were refused and why, each once: names of enums, never a value."""
    reasons = {
        f"{ingest.RejectionField.Name(refused.field)} {ingest.RejectionReason.Name(refused.reason)}".replace(
            "REJECTION_FIELD_", ""
        ).replace("REJECTION_REASON_", "")
        for refused in receipt.rejections
    }
    return ", ".join(sorted(reasons))
