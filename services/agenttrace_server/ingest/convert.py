"""Turns an upload's messages into rows, refusing what the contract refuses: the only place that reads them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.ingest import encode
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow, RunMessage

Upload = pb.UploadStepsRequest | pb.RecordBatchRequest

# About a millisecond's work.
SLICE_ITEMS = 100

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")


@dataclass(slots=True)
class Refused:
    """One refused item or attribute: kind, index in its list, reason and field, as the proto's enums name them."""

    kind: pb.ItemKind
    item_index: int
    reason: str
    field: str


class Encoder(Protocol):
    """What turns items into rows: the module `encode`, or what keeps a project to its registered names."""

    def run_row(self, run: run_pb2.Run, period: Period, refused: list[Refusal]) -> RunMessage:
        """Return a run message."""

    def step_row(self, step: step_pb2.Step, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a step's row."""

    def failure_row(self, failure: failure_pb2.Failure, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a failure's row."""


class Items(NamedTuple, Generic[_Row]):
    """The rows of one kind, and which of the message's items they are."""

    rows: list[_Row]
    indexes: Sequence[int]


@dataclass(slots=True)
class Batch:
    """The rows of one message, and what was refused before it came to rows."""

    runs: Items[RunMessage]
    steps: Items[EncodedRow]
    failures: Items[EncodedRow]
    refused: list[Refused]


def item_count(message: Upload) -> int:
    """Return how many items are in a message."""
    return len(message.runs) + len(message.steps) + len(message.failures)


def batch_from_message(message: Upload, period: Period, encoder: Encoder = encode) -> Batch:
    """Return the rows of a message. A message of too many items is refused whole."""
    conversion = converting(message, period, encoder)
    while True:
        try:
            next(conversion)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what the generator returns


def converting(message: Upload, period: Period, encoder: Encoder = encode) -> Generator[None, None, Batch]:
    """Convert a message, with a pause after each SLICE_ITEMS items: the caller may have something else to do."""
    refused: list[Refused] = []
    if item_count(message) > limits.MESSAGE_ITEMS:
        refused.append(Refused(pb.ITEM_KIND_MESSAGE, 0, "TOO_MANY_ITEMS", "UNSPECIFIED"))
        return Batch(Items([], ()), Items([], ()), Items([], ()), refused)
    return Batch(
        (yield from _items(message.runs, pb.ITEM_KIND_RUN, encoder.run_row, refused, period)),
        (yield from _items(message.steps, pb.ITEM_KIND_STEP, encoder.step_row, refused, period)),
        (yield from _items(message.failures, pb.ITEM_KIND_FAILURE, encoder.failure_row, refused, period)),
        refused,
    )


def _items(
    items: Sequence[_Item],
    kind: pb.ItemKind,
    convert: Callable[[_Item, Period, list[Refusal]], _Row],
    refused: list[Refused],
    period: Period,
) -> Generator[None, None, Items[_Row]]:
    """The rows of the items of one kind; an item or attribute that is refused goes to `refused` instead."""
    rows: list[_Row] = []
    without_row: set[int] = set()
    left_out: list[Refusal] = []  # attributes of the item at hand
    pause = SLICE_ITEMS
    for index, item in enumerate(items):
        try:
            rows.append(convert(item, period, left_out))
        except Refusal as refusal:
            refused.append(Refused(kind, index, refusal.reason, refusal.field))
            without_row.add(index)
            left_out.clear()
        if left_out:
            refused += [Refused(pb.ITEM_KIND_ATTRIBUTE, index, refusal.reason, refusal.field) for refusal in left_out]
            left_out.clear()
        if index == pause:
            yield
            pause += SLICE_ITEMS
    if without_row:
        return Items(rows, [index for index in range(len(items)) if index not in without_row])
    return Items(rows, range(len(rows)))
