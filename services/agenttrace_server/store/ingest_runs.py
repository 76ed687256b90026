"""Merges run messages, and makes the runs that steps and failures touch, in one call of ingest_runs()."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection

from agenttrace_server import copy_binary, limits
from agenttrace_server.copy_binary import NULL
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.records import ACCEPTED, DUPLICATE, EncodedRow, RunEvents, RunMessage, Verdict
from agenttrace_server.store import ingest_marks, parameters
from agenttrace_server.store.ingest_events import Events
from agenttrace_server.store.statements import load
from agenttrace_server.store.write_pool import fetch

# The SQLSTATE of a batch that lacks the marks of a key that the project has tombstones under.
UNMARKED = "AT001"
_SQL = load("ingest.sql")["ingest_runs"]
_NO_ATTRIBUTES = copy_binary.jsonb("{}")
_RUNNING = copy_binary.text("RUNNING")
_TEXTS = ("agent_id", "agent_version", "environment", "session_id", "user_key", "parent_run_id")


class Runs(NamedTuple):
    """What a batch's run messages came to, and what its rows need to know of their runs.

    `suffix`: the columns project_id and day, encoded, of new runs; `suffixes` and `step_counts`: of known ones, by id.
    `erased`: the verdicts on runs of which nothing may be stored, by id. `events`: what happened to all the others.
    """

    verdicts: list[Verdict]
    suffix: bytes
    suffixes: Mapping[str, bytes]
    step_counts: Mapping[str, int]
    erased: Mapping[str, Verdict]
    events: RunEvents


@dataclass(slots=True)
class _Entry:
    """A run of the batch: its first message, which may be several in one, and when steps and failures touch it.

    `has_further`: another message follows on its own; what comes after that has to come after it.
    """

    key: bytes
    message: RunMessage | None = None
    ordinal: int | None = None
    is_combined: bool = False
    has_further: bool = False
    touch_time: int | None = None


@dataclass(slots=True)
class _Plan:
    """What ingest_runs() is to be told: runs in the order of their ids, then further messages in theirs.

    `verdicts`: of the messages, where ingest_runs() says nothing else.
    """

    entries: dict[str, _Entry] = field(default_factory=dict)
    further: list[_Entry] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, ordinal: int, message: RunMessage, *, combine: bool) -> None:
        """Add a message."""
        self.verdicts.append(ACCEPTED)
        entry = self.entries.get(message.run_id)
        if entry is None:
            self.entries[message.run_id] = _Entry(message.key, message, ordinal)
        elif combine and not entry.has_further and (both := _combined(entry.message, message)):
            if both == entry.message:
                self.verdicts[ordinal] = DUPLICATE
            entry.message, entry.is_combined = both, True
        else:
            entry.has_further = True
            self.further.append(_Entry(message.key, message, ordinal))

    def touch(self, rows: Sequence[EncodedRow]) -> None:
        """Add steps or failures."""
        entries = self.entries
        for key, run_id, time, _, _, _, _, _ in rows:
            entry = entries.get(run_id)
            if entry is None:
                entry = entries[run_id] = _Entry(key[: len(key) // 2])
            if entry.touch_time is None or time < entry.touch_time:
                entry.touch_time = time

    def rows(self) -> list[_Entry]:
        """All of it, in the order of ingest_runs()."""
        return [*sorted(self.entries.values(), key=_key), *self.further]


def merge_runs(
    connection: Connection,
    project_id: int,
    messages: Sequence[RunMessage],
    rows: Sequence[Sequence[EncodedRow]],
    *,
    merge: bool,
    keys: ErasureKeys,
) -> Runs:
    """Merge run messages, make stubs of the runs that `rows` touch, and lock both.

    `keys`: what to look for tombstones with; none where the project is thought to have no tombstones.
    Raises UniqueViolation, unless with `merge`, where messages of a known run were taken for those of a new one; and
    DatabaseError with the state UNMARKED where there are tombstones under other keys.
    """
    plan = _Plan()
    for ordinal, message in enumerate(messages):
        plan.add(ordinal, message, combine=not merge)
    for kind in rows:
        plan.touch(kind)
    entries = plan.rows()
    run_messages = [entry.message or _stub(entry) for entry in entries]
    run_keys = [entry.key for entry in entries[: len(plan.entries)]]
    values = {
        "project_id": project_id,
        "tag_limit": limits.TAGS,
        "attribute_limit": limits.ATTRIBUTES,
        "run_count": len(run_keys),
        **_columns(entries, run_messages),
        **ingest_marks.columns(project_id, run_keys, run_messages, keys),
    }
    return _answered(fetch(connection, _SQL, values), copy_binary.int4(project_id), plan, messages)


def _answered(answer: Sequence[tuple[Any, ...]], project: bytes, plan: _Plan, messages: Sequence[RunMessage]) -> Runs:
    """What ingest_runs() answers."""
    suffix = b""
    suffixes = {}
    step_counts = {}
    erased = {}
    events = Events()
    for ordinal, outcome, column, run_id, day, step_count, agent_id, first_end, seconds in answer:
        if ordinal is not None:
            plan.verdicts[ordinal] = Verdict(outcome, column)
            events.add_message(messages[ordinal], first_end, seconds)
        elif outcome is not None:
            erased[run_id] = Verdict(outcome, column)
        elif run_id is None:
            suffix = project + copy_binary.date(day)
        else:
            suffixes[run_id] = project + copy_binary.date(day)
            step_counts[run_id] = step_count
            events.agents[run_id] = agent_id or ""
    for run_id, entry in plan.entries.items():
        if run_id not in suffixes and run_id not in erased:
            events.add_new(run_id, entry.message)
    events.name_agents(entry.message for entry in plan.further if entry.message)
    verdicts = plan.verdicts
    if erased:
        verdicts = [erased.get(m.run_id, verdict) for m, verdict in zip(messages, verdicts, strict=True)]
    return Runs(verdicts, suffix, suffixes, step_counts, erased, events.gathered())


def _key(entry: _Entry) -> bytes:
    return entry.key


def _combined(first: RunMessage | None, second: RunMessage) -> RunMessage | None:
    """Two messages of a new run as one, as merging one after the other would have it; None where that takes care.

    Of a run whose start is not told yet it is likely that more is known than these.
    """
    if first is None or first.is_stub or (first.end_time is not None and second.end_time is not None):
        return None
    texts = {}
    for name in _TEXTS:
        told, also = getattr(first, name), getattr(second, name)
        if told != also:
            if NULL not in (told, also):
                return None
            texts[name] = also if told == NULL else told
    if first.attributes != second.attributes and _NO_ATTRIBUTES not in (first.attributes, second.attributes):
        return None
    tags = first.tags if set(second.tags) <= set(first.tags) else tuple(sorted({*first.tags, *second.tags}))
    ended = first if second.end_time is None else second
    start = first.start_time if second.is_stub else min(first.start_time, second.start_time)
    if len(tags) > limits.TAGS or (ended.end_time is not None and ended.end_time < start):
        return None
    return first._replace(
        status=ended.status,
        start_time=start,
        end_time=ended.end_time,
        heartbeat_time=_latest(first.heartbeat_time, second.heartbeat_time),
        lease_duration=_latest(first.lease_duration, second.lease_duration),
        expected_step_count=_latest(first.expected_step_count, second.expected_step_count),
        tags=tags,
        attributes=second.attributes if first.attributes == _NO_ATTRIBUTES else first.attributes,
        **texts,
    )


def _latest(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)


def _columns(entries: Sequence[_Entry], messages: Sequence[RunMessage]) -> dict[str, object]:
    """The arrays of ingest_runs()."""

    def numbers(encode: Callable[[int], bytes], values: Sequence[int | None]) -> list[bytes]:
        return [NULL if value is None else encode(value) for value in values]

    times = copy_binary.timestamptz
    return {
        "ordinal": parameters.Int4Array(numbers(copy_binary.int4, [entry.ordinal for entry in entries])),
        "is_combined": parameters.BoolArray([copy_binary.boolean(entry.is_combined) for entry in entries]),
        "touch_time": parameters.TimestamptzArray(numbers(times, [entry.touch_time for entry in entries])),
        "run_id": parameters.UuidArray([entry.key for entry in entries]),
        "is_stub": parameters.BoolArray([copy_binary.boolean(m.is_stub) for m in messages]),
        "agent_id": parameters.TextArray([m.agent_id for m in messages]),
        "agent_version": parameters.TextArray([m.agent_version for m in messages]),
        "environment": parameters.TextArray([m.environment for m in messages]),
        "status": parameters.TextArray([m.status for m in messages]),
        "start_time": parameters.TimestamptzArray([times(m.start_time) for m in messages]),
        "end_time": parameters.TimestamptzArray(numbers(times, [m.end_time for m in messages])),
        "heartbeat_time": parameters.TimestamptzArray(numbers(times, [m.heartbeat_time for m in messages])),
        "lease_duration": parameters.IntervalArray(numbers(copy_binary.interval, [m.lease_duration for m in messages])),
        "session_id": parameters.TextArray([m.session_id for m in messages]),
        "user_key": parameters.TextArray([m.user_key for m in messages]),
        "parent_run_id": parameters.UuidArray([m.parent_run_id for m in messages]),
        "tags": parameters.TextArray([copy_binary.text(" ".join(m.tags)) if m.tags else NULL for m in messages]),
        "attributes": parameters.JsonbArray([m.attributes for m in messages]),
        "expected_step_count": parameters.Int4Array(
            numbers(copy_binary.int4, [m.expected_step_count for m in messages])
        ),
    }


def _stub(entry: _Entry) -> RunMessage:
    """What a run is of which only steps and failures are known."""
    return RunMessage(
        run_id="",
        key=entry.key,
        is_stub=True,
        status=_RUNNING,
        start_time=entry.touch_time or 0,
        end_time=None,
        heartbeat_time=None,
        lease_duration=None,
        expected_step_count=None,
        agent_id=NULL,
        agent_version=NULL,
        environment=NULL,
        session_id=NULL,
        user_key=NULL,
        parent_run_id=NULL,
        tags=(),
        attributes=_NO_ATTRIBUTES,
    )
