"""Packs recorded items into upload messages of bounded size."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agenttrace.convert import failure_message, step_message
from agenttrace.failures import FailureRecord
from agenttrace.steps import Step
from agenttrace.v1 import ingest_service_pb2 as ingest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.buffer import Item
    from agenttrace.spool_file import SpoolFile

# Far below the contract's limits for a message, which other clients and proxies may lower.
_MESSAGE_ITEMS = 512
_MESSAGE_BYTES = 1024 * 1024
_FAILURE_BYTES = 600  # at most, two names of full length aside


@dataclass(slots=True)
class Parcel:
    """One upload message and what it settles once it is acknowledged."""

    message: ingest.UploadStepsRequest = field(default_factory=ingest.UploadStepsRequest)
    items: int = 0
    reserved_bytes: int = 0  # what its items count for in the buffer
    wire_bytes: int = 0
    place: tuple[SpoolFile, int] | None = None  # its record, where it is on disk
    is_left: bool = False  # by an earlier process

    def add(self, item: Item, reserved: int) -> None:
        """Add one item."""
        if isinstance(item, Step):
            step = step_message(item)
            self.message.steps.append(step)
            self.wire_bytes += step.ByteSize()
        elif isinstance(item, FailureRecord):
            self.message.failures.append(failure_message(item))
            self.wire_bytes += _FAILURE_BYTES
        else:
            self.message.runs.append(item)
            self.wire_bytes += item.ByteSize()
        self.items += 1
        self.reserved_bytes += reserved

    @property
    def full(self) -> bool:
        """Whether the next item belongs in the next message."""
        return self.items >= _MESSAGE_ITEMS or self.wire_bytes >= _MESSAGE_BYTES


def pack(items: Iterable[tuple[Item, int]]) -> tuple[deque[Parcel], list[int]]:
    """Return the items as messages, in their order, and the sizes of those that make no message."""
    parcels = deque([Parcel()])
    unfit = []
    for item, reserved in items:
        if parcels[-1].full:
            parcels.append(Parcel())
        try:
            parcels[-1].add(item, reserved)
        except (TypeError, ValueError):  # protobuf's for a value out of its field's range
            unfit.append(reserved)
    return (parcels if parcels[0].items else deque()), unfit
