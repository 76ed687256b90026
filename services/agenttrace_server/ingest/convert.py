"""Turns an upload's messages into rows, refusing what the contract refuses: the only place that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from agenttrace.v1 import ingest_service_pb2, run_pb2
from agenttrace_server import limits
from agenttrace_server.ingest import attributes, encode, values
from agenttrace_server.ingest.enums import RUN_STATUS, stored
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow, RunMessage

Upload = ingest_service_pb2.UploadStepsRequest | ingest_service_pb2.RecordBatchRequest

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")


@dataclass(slots=True)
class Refused:
    """One refused item or attribute: kind, index in its list, reason and field, as the proto's enums name them."""

    kind: ingest_service_pb2.ItemKind
    item_index: int
    reason: str
    field: str


@dataclass(slots=True)
class Batch:
    """The rows of one message with their indexes in it, and what was refused before it came to rows."""

    runs: list[tuple[int, RunMessage]] = field(default_factory=list)
    steps: list[tuple[int, EncodedRow]] = field(default_factory=list)
    failures: list[tuple[int, EncodedRow]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def batch_from_message(message: Upload, period: Period) -> Batch:
    """Return the rows of a message. A message of too many items is refused whole."""
    batch = Batch()
    if len(message.runs) + len(message.steps) + len(message.failures) > limits.MESSAGE_ITEMS:
        batch.refused.append(Refused(ingest_service_pb2.ITEM_KIND_MESSAGE, 0, "TOO_MANY_ITEMS", "UNSPECIFIED"))
        return batch
    kinds = ingest_service_pb2
    batch.runs = list(_rows(message.runs, kinds.ITEM_KIND_RUN, _run, batch.refused, period))
    batch.steps = list(_rows(message.steps, kinds.ITEM_KIND_STEP, encode.step_row, batch.refused, period))
    batch.failures = list(_rows(message.failures, kinds.ITEM_KIND_FAILURE, encode.failure_row, batch.refused, period))
    return batch


def _rows(
    items: Iterable[_Item],
    kind: ingest_service_pb2.ItemKind,
    convert: Callable[[_Item, Period, list[Refusal]], _Row],
    refused: list[Refused],
    period: Period,
) -> Iterator[tuple[int, _Row]]:
    """The rows of the items of one kind; an item or attribute that is refused goes to `refused` instead."""
    left_out: list[Refusal] = []  # attributes of the item at hand
    for index, item in enumerate(items):
        try:
            row = convert(item, period, left_out)
        except Refusal as refusal:
            refused.append(Refused(kind, index, refusal.reason, refusal.field))
            left_out.clear()
            continue
        if left_out:
            of_attributes = ingest_service_pb2.ITEM_KIND_ATTRIBUTE
            refused += [Refused(of_attributes, index, refusal.reason, refusal.field) for refusal in left_out]
            left_out.clear()
        yield index, row


def _run(run: run_pb2.Run, period: Period, refused_attributes: list[Refusal]) -> RunMessage:
    status = stored(run.status, RUN_STATUS, "STATUS")
    start = values.time(run.start_time, period, "START_TIME") if run.HasField("start_time") else None
    end = values.time(run.end_time, period, "END_TIME") if run.HasField("end_time") else None
    heartbeat = values.time(run.heartbeat_time, period, "HEARTBEAT_TIME") if run.HasField("heartbeat_time") else None
    if end is None and status != "RUNNING":
        raise Refusal("REQUIRED", "END_TIME")
    if end is not None and status == "RUNNING":
        raise Refusal("INCONSISTENT", "END_TIME")
    if start and end and end < start:
        raise Refusal("END_BEFORE_START", "END_TIME")
    earliest = start or min(filter(None, (end, heartbeat)), default=None)
    if earliest is None:
        raise Refusal("REQUIRED", "START_TIME")
    return RunMessage(
        run_id=values.required_uuid(run.run_id, "RUN_ID"),
        is_stub=start is None,
        agent_id=values.token(run.agent_id, "AGENT_ID"),
        agent_version=values.token(run.agent_version, "AGENT_VERSION"),
        environment=values.token(run.environment, "ENVIRONMENT"),
        status=status,
        start_time=earliest,
        end_time=end,
        heartbeat_time=heartbeat,
        lease_duration=_lease(run),
        session_id=values.token(run.session_id, "SESSION_ID"),
        user_key=values.user_key(run.user_key),
        parent_run_id=values.uuid(run.parent_run_id, "PARENT_RUN_ID"),
        tags=_tags(run),
        attributes=attributes.to_json(run.attributes, "RUN_ATTRIBUTES", refused_attributes),
        expected_step_count=_expected_step_count(run),
    )


def _lease(run: run_pb2.Run) -> timedelta | None:
    if not run.HasField("lease_duration"):
        return None
    least, most = limits.LEASE_SECONDS_MIN, limits.LEASE_SECONDS_MAX
    given = run.lease_duration
    return timedelta(microseconds=values.duration(given, "LEASE_DURATION", least_seconds=least, most_seconds=most))


def _tags(run: run_pb2.Run) -> tuple[str, ...]:
    if not run.tags:
        return ()
    if len(run.tags) > limits.TAGS:
        raise Refusal("TOO_LONG", "TAGS")
    return tuple(sorted({values.required_token(tag, "TAGS") for tag in run.tags}))


def _expected_step_count(run: run_pb2.Run) -> int | None:
    if not run.HasField("expected_step_count"):
        return None
    return values.number(run.expected_step_count, "EXPECTED_STEP_COUNT", most=limits.STEPS_PER_RUN)
