"""Knows what must be stored: seeded items with a hash of their content, a journal of what was acknowledged, a verdict.

I1 every acknowledged key exists with the right content · I2 no key twice · I3 an unacknowledged key exists once or
not at all, and nothing exists that was not sent · I4 a failure's step exists · I5 attempts of a step are 1..n ·
I6 counts in the answers are rows · I7 counters equal a recount.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from agenttrace.v1 import failure_pb2, ingest_service_pb2, run_pb2, step_pb2
from fix_store import assert_counters_equal_a_recount
from items import BEGIN, at

SEED = int(os.environ.get("AGENTTRACE_FAULT_SEED", "20260727"))
KINDS = ("runs", "steps", "failures")
_AGENTS = ("support", "billing", "research")
_NAMES = ("plan", "lookup", "search", "summarize", "answer", "crm:find")
_CODES = ("timeout", "rate_limited", "schema_invalid", "empty_retrieval", "tool_failed")
_STATUSES = ("SUCCESS", "FAILURE", "PARTIAL", "CANCELLED")
_BEGIN_MICROSECONDS = int(BEGIN.timestamp()) * 1_000_000

# Kind, run and own id; of a run, instead of an id, which of its two messages: "start" or "end".
Key = tuple[str, str, str]


def dice(name: str) -> random.Random:
    """The test's own source of chance."""
    return random.Random(f"{SEED}/{name}")


def new_id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Item:
    """A run message, step or failure, and the hash of what must be stored of it."""

    key: Key
    message: Any
    content: str


def digest(values: Iterable[object]) -> str:
    return hashlib.sha256(repr(tuple(values)).encode()).hexdigest()[:16]


Message = Sequence[Item]


def request(items: Message, *, resend: bool = False) -> ingest_service_pb2.UploadStepsRequest:
    """The upload message that carries these items."""
    lists: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for item in items:
        lists[item.key[0]].append(item.message)
    return ingest_service_pb2.UploadStepsRequest(**lists, resend=resend)


class Generator:
    """Makes items, the same for the same chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def runs(self, count: int, *, steps: tuple[int, int] = (0, 30)) -> list[Item]:
        """Whole runs: each with its two messages, its steps with their retries, and their failures."""
        return [item for _ in range(count) for item in self.run(self.chance.randint(*steps))]

    def run(self, steps: int) -> list[Item]:
        run_id = new_id(self.chance)
        items = [self.start(run_id), self.end(run_id, steps)]
        first: str | None = None
        attempt = 1
        for _ in range(steps):
            again = first is not None and self.chance.random() < 0.3
            attempt = attempt + 1 if again else 1
            step = self.step(run_id, retry_of=first if again else None, attempt=attempt)
            items.append(step)
            first = first if again else step.key[2]
            if step.message.status == step_pb2.STEP_STATUS_ERROR:
                items.append(self.failure(run_id, step.key[2]))
            else:
                first = None
        return items

    def start(self, run_id: str) -> Item:
        # What both messages of a run tell is a function of its id: they are consistent whoever makes them.
        agent, second = _of_run(run_id)
        message = run_pb2.Run(run_id=run_id, agent_id=agent, status="RUN_STATUS_RUNNING", start_time=at(second))
        return Item(("runs", run_id, "start"), message, digest((agent, _microseconds(second))))

    def end(self, run_id: str, step_count: int) -> Item:
        status, second = self.chance.choice(_STATUSES), 3300 + self.chance.randrange(200)
        message = run_pb2.Run(
            run_id=run_id, status=f"RUN_STATUS_{status}", end_time=at(second), expected_step_count=step_count
        )
        if self.chance.random() < 0.5:  # as an agent that forgot whether its start got through
            message.MergeFrom(self.start(run_id).message)
            message.status = f"RUN_STATUS_{status}"
        return Item(("runs", run_id, "end"), message, digest((status, _microseconds(second), step_count)))

    def step(
        self, run_id: str, *, step_id: str = "", retry_of: str | None = None, attempt: int = 1, name: str = ""
    ) -> Item:
        chance = self.chance
        step_id = step_id or new_id(chance)
        begin, seconds = chance.randrange(100, 3000), chance.randrange(60)
        values = {
            "sequence": chance.randrange(10_000),
            "name": name or chance.choice(_NAMES),
            "attempt": attempt,
            "retry_of_step_id": retry_of,
        }
        status = "ERROR" if chance.random() < 0.2 else "OK"
        usage = {"input_tokens": chance.randrange(5000), "output_tokens": chance.randrange(500)}
        cost = chance.randrange(10_000)
        message = step_pb2.Step(
            run_id=run_id,
            step_id=step_id,
            type="STEP_TYPE_MODEL",
            status=f"STEP_STATUS_{status}",
            start_time=at(begin),
            end_time=at(begin + seconds),
            model={"request_model": "m-1", "usage": usage, "cost_micro_usd": cost},
            attributes={"n": run_pb2.AttributeValue(int_value=begin)},
            **values,
        )
        times = _microseconds(begin), _microseconds(begin + seconds)
        content = digest((*values.values(), status, *times, *usage.values(), cost, str(begin)))
        return Item(("steps", run_id, step_id), message, content)

    def failure(self, run_id: str, step_id: str, *, failure_id: str = "", code: str = "") -> Item:
        chance = self.chance
        failure_id = failure_id or new_id(chance)
        kind, second = chance.choice(("TOOL", "MODEL", "RETRIEVAL", "ORCHESTRATION")), chance.randrange(100, 3000)
        code = code or chance.choice(_CODES)
        message = failure_pb2.Failure(
            run_id=run_id,
            failure_id=failure_id,
            step_id=step_id,
            type=f"FAILURE_TYPE_{kind}",
            code=code,
            occur_time=at(second),
        )
        return Item(("failures", run_id, failure_id), message, digest((step_id, kind, code, _microseconds(second))))

    def messages(self, items: Sequence[Item], *, sizes: tuple[int, int] = (1, 40)) -> list[list[Item]]:
        """All of the items, shuffled, in messages of random sizes: so steps and ends come before their starts."""
        shuffled = self.chance.sample(items, len(items))
        messages = []
        while shuffled:
            size = self.chance.randint(*sizes)
            messages.append(shuffled[:size])
            shuffled = shuffled[size:]
        return messages


def _of_run(run_id: str) -> tuple[str, int]:
    number = uuid.UUID(run_id).int
    return _AGENTS[number % len(_AGENTS)], number % 90


def _microseconds(second: int) -> int:
    return _BEGIN_MICROSECONDS + second * 1_000_000


class Journal:
    """What the server has answered, on disk before anything else happens, as an agent's spool would have it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        self._lock = threading.Lock()
        self.accepted: Counter[str] = Counter()
        self.duplicate: Counter[str] = Counter()
        # Calls that ended without an answer: (status, reason, seconds after which to try again).
        self.errors: list[tuple[str, str, float]] = []
        self.close_reasons: Counter[str] = Counter()
        self.rejections: list[tuple[Key, str]] = []

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def acknowledge(self, messages: Sequence[Message], response: ingest_service_pb2.UploadStepsResponse) -> None:
        """Note what is durable: the first messages of a stream but for what was rejected."""
        taken = messages[: response.acknowledged_message_count]
        rejected = {_rejected_key(taken, rejection): rejection for rejection in response.rejections}
        keys = [item.key for message in taken for item in message if item.key not in rejected]
        with self._lock:
            self._file.writelines(" ".join(key) + "\n" for key in keys)
            self._file.flush()
            os.fsync(self._file.fileno())
            self.close_reasons[ingest_service_pb2.CloseReason.Name(response.close_reason)] += 1
            for key, rejection in rejected.items():
                self.rejections.append((key, ingest_service_pb2.RejectionReason.Name(rejection.reason)))
            self._count(taken, response.counts)

    def _count(self, taken: Sequence[Message], counts: ingest_service_pb2.RecordCounts) -> None:
        sent = Counter(item.key[0] for message in taken for item in message)
        for kind in KINDS:
            of_kind = getattr(counts, kind)
            self.accepted[kind] += of_kind.accepted
            self.duplicate[kind] += of_kind.duplicate
            answered = of_kind.accepted + of_kind.duplicate + of_kind.rejected
            assert answered == sent[kind], f"I6: {answered} {kind} answered, {sent[kind]} sent"

    def lose(self, status: str, reason: str, retry_seconds: float) -> None:
        with self._lock:
            self.errors.append((status, reason, retry_seconds))

    def acknowledged(self) -> set[Key]:
        with self._lock:
            self._file.seek(0)
            return {tuple(line.split()) for line in self._file}  # type: ignore[misc]


def _rejected_key(messages: Sequence[Message], rejection: ingest_service_pb2.Rejection) -> Key:
    kind = {1: "runs", 2: "steps", 3: "failures"}[rejection.kind]
    of_kind = [item for item in messages[rejection.message_index] if item.key[0] == kind]
    return of_kind[rejection.item_index].key


_STORED_RUNS = """
SELECT run_id::text, is_stub, agent_id, (extract(epoch FROM start_time) * 1000000)::bigint, status,
       (extract(epoch FROM end_time) * 1000000)::bigint, expected_step_count
FROM agent_runs
"""
_STORED_STEPS = """
SELECT run_id::text, step_id::text, sequence, name, attempt, retry_of_step_id::text, status,
       (extract(epoch FROM start_time) * 1000000)::bigint, (extract(epoch FROM end_time) * 1000000)::bigint,
       input_tokens, output_tokens, cost_micro_usd, attributes ->> 'n'
FROM agent_steps
"""
_STORED_FAILURES = """
SELECT run_id::text, failure_id::text, step_id::text, type, code, (extract(epoch FROM occur_time) * 1000000)::bigint
FROM agent_failures
"""


def stored(connection: psycopg.Connection) -> dict[Key, list[str]]:
    """The content of everything that is stored, by key; a list, for a key may be there twice."""
    found: dict[Key, list[str]] = defaultdict(list)
    for run_id, is_stub, agent, start, status, end, expected in connection.execute(_STORED_RUNS):
        if not is_stub:
            found["runs", run_id, "start"].append(digest((agent, start)))
        if end is not None:
            found["runs", run_id, "end"].append(digest((status, end, expected)))
    for kind, query in (("steps", _STORED_STEPS), ("failures", _STORED_FAILURES)):
        for run_id, own_id, *values in connection.execute(query):
            found[kind, run_id, own_id].append(digest(values))
    return found


def check(
    connection: psycopg.Connection, items: Iterable[Item], journal: Journal, *, complete: bool = False,
    counts_are_exact: bool = True,
) -> None:  # fmt: skip
    """Compare the database with what was sent and acknowledged.

    `complete`: all of it must be there by now. `counts_are_exact`: no answer to a COMMIT was lost inside the server,
    which then tells as duplicate what it finds stored.
    """
    found = stored(connection)
    sent = {item.key: item.content for item in items}
    problems = problems_of(found, sent, journal, complete=complete, counts_are_exact=counts_are_exact)
    assert not problems, f"seed {SEED}: {len(problems)} problems: " + "; ".join(problems[:8])
    assert_counters_equal_a_recount(connection)


def problems_of(
    found: Mapping[Key, list[str]], sent: Mapping[Key, str], journal: Journal, *, complete: bool, counts_are_exact: bool
) -> list[str]:
    """What differs between the rows that were found, what was sent, and what was acknowledged; see `check`."""
    acknowledged = journal.acknowledged()
    problems = [f"I2 twice: {key}" for key, contents in found.items() if len(contents) > 1]
    problems += [f"I1 acknowledged and lost: {key}" for key in acknowledged if key not in found]
    problems += [f"I3 never sent: {key}" for key in found if key not in sent and not _told_by_its_end(key, sent)]
    problems += [f"I1 other content: {key}" for key in found if found[key][0] != sent.get(key, found[key][0])]
    if complete:
        problems += [f"not there in the end: {key}" for key in sent if key not in found]
    return problems + _count_problems(found, journal, exact=counts_are_exact and not journal.errors)


_LONE_FAILURES = """
SELECT f.run_id, f.failure_id FROM agent_failures f
WHERE f.step_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM agent_steps s WHERE (s.project_id, s.run_id, s.step_id) = (f.project_id, f.run_id, f.step_id))
"""
_ATTEMPTS = """
SELECT run_id, first, attempts
FROM (SELECT run_id, coalesce(retry_of_step_id, step_id) AS first, array_agg(attempt ORDER BY attempt) AS attempts
      FROM agent_steps GROUP BY 1, 2) groups
WHERE attempts <> ARRAY(SELECT generate_series(1, cardinality(attempts)))
"""


def structure_problems(connection: psycopg.Connection) -> list[str]:
    """What does not belong together once everything has arrived: I4, I5."""
    problems = [f"I4 no such step: failure {row}" for row in connection.execute(_LONE_FAILURES)]
    return problems + [f"I5 attempts: {row}" for row in connection.execute(_ATTEMPTS)]


def _told_by_its_end(key: Key, sent: Mapping[Key, str]) -> bool:
    return key[2] == "start" and (key[0], key[1], "end") in sent


def _count_problems(found: Mapping[Key, list[str]], journal: Journal, *, exact: bool) -> list[str]:
    """Every row was told as accepted once; of a call that was lost the answer is lost as well."""
    problems = []
    for kind in ("steps", "failures"):
        rows = sum(len(contents) for key, contents in found.items() if key[0] == kind)
        told = journal.accepted[kind]
        if told > rows or (exact and told != rows):
            problems.append(f"I6 {told} {kind} told as accepted, {rows} stored, {len(journal.errors)} calls lost")
    return problems
