"""Adds up what became of a call's items, for its answer."""

from __future__ import annotations

from collections.abc import Sequence

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import limits
from agenttrace_server.ingest.convert import Batch, Refused
from agenttrace_server.records import ACCEPTED, DUPLICATE, Outcome, Verdict

# Where a column's name is not the field's, as RejectionField spells it.
_FIELDS = {"attributes": "RUN_ATTRIBUTES"}


class Receipt:
    """The counts and first rejections of one call."""

    def __init__(self) -> None:
        self._message_count = 0
        self.malformed_count = 0
        self.counts = pb.RecordCounts()
        self.rejections: list[pb.Rejection] = []

    @property
    def message_count(self) -> int:
        """How many messages were taken so far."""
        return self._message_count

    def add(self, batch: Batch, outcome: Outcome, unknown_field_count: int = 0) -> None:
        """Count the next message, all of it committed or refused."""
        for refused in batch.refused:
            self._refuse(refused)
        self._count(pb.ITEM_KIND_RUN, batch.runs.indexes, outcome.runs)
        self._count(pb.ITEM_KIND_STEP, batch.steps.indexes, outcome.steps)
        self._count(pb.ITEM_KIND_FAILURE, batch.failures.indexes, outcome.failures)
        self.counts.unknown_field_count += unknown_field_count
        self._message_count += 1

    def add_malformed(self) -> None:
        """Count the next message, whose bytes are no message."""
        self._refuse(Refused(pb.ITEM_KIND_MESSAGE, 0, "MALFORMED_MESSAGE", "UNSPECIFIED"))
        self.malformed_count += 1
        self._message_count += 1

    def _count(self, kind: pb.ItemKind, indexes: Sequence[int], verdicts: Sequence[Verdict]) -> None:
        if not verdicts:
            return
        counts = self._item_counts(kind)
        accepted = verdicts.count(ACCEPTED)
        duplicate = verdicts.count(DUPLICATE)
        counts.accepted += accepted
        counts.duplicate += duplicate
        if accepted + duplicate == len(verdicts):
            return
        for index, (outcome, column) in zip(indexes, verdicts, strict=True):
            if outcome not in ("ACCEPTED", "DUPLICATE"):
                field = _FIELDS.get(column, column.upper()) if column else "UNSPECIFIED"
                self._refuse(Refused(kind, index, outcome, field))

    def _item_counts(self, kind: pb.ItemKind) -> pb.ItemCounts:
        return {
            pb.ITEM_KIND_RUN: self.counts.runs,
            pb.ITEM_KIND_STEP: self.counts.steps,
            pb.ITEM_KIND_FAILURE: self.counts.failures,
        }[kind]

    def _refuse(self, refused: Refused) -> None:
        if refused.kind == pb.ITEM_KIND_ATTRIBUTE:
            self.counts.rejected_attribute_count += 1
        elif refused.kind == pb.ITEM_KIND_MESSAGE:
            self.counts.rejected_message_count += 1
        else:
            self._item_counts(refused.kind).rejected += 1
        if len(self.rejections) < limits.REJECTIONS:
            self.rejections.append(self._rejection(refused))

    def _rejection(self, refused: Refused) -> pb.Rejection:
        return pb.Rejection(
            message_index=self._message_count,
            kind=refused.kind,
            item_index=refused.item_index,
            reason=f"REJECTION_REASON_{refused.reason}",
            field=f"REJECTION_FIELD_{refused.field}",
        )
