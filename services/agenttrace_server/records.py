"""The rows we write and read.

NamedTuple for what is written, frozen dataclass for what is read: rows map onto it by name. Steps and failures are
many, and are encoded for COPY as soon as they are read; runs are few, and merge in the database. Times are aware
datetimes, ids are UUIDs or their canonical text; statuses and types are spelt as stored, without the proto's prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

# The project of calls without a key, where none is needed.
DEFAULT_PROJECT_ID = 1


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the services see it. `expire_seconds`: what is left of it, None where it does not expire."""

    key_id: str
    project_id: int
    secret_hash: bytes
    pepper_id: str
    scopes: list[str]
    expire_seconds: float | None
    is_revoked: bool


class RunMessage(NamedTuple):
    """One run message, as ingest_runs() takes it, its columns encoded as for COPY BINARY (four bytes -1: NULL).

    Times and the lease are in microseconds (since 1970), for they are compared before they are written. `is_stub`: it
    tells no start, and `start_time` is the earliest time it mentions. `tags` are sorted.
    """

    run_id: str
    key: bytes
    is_stub: bool
    status: bytes
    start_time: int
    end_time: int | None
    heartbeat_time: int | None
    lease_duration: int | None
    expected_step_count: int | None
    agent_id: bytes
    agent_version: bytes
    environment: bytes
    session_id: bytes
    user_key: bytes
    parent_run_id: bytes
    tags: tuple[str, ...]
    attributes: bytes


# The columns of an EncodedRow, in their order.
STEP_COLUMNS = (
    "run_id", "step_id", "parent_step_id", "sequence", "type", "name", "status", "attempt", "retry_of_step_id",
    "start_time", "end_time", "provider", "request_model", "response_model", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_token_semantics", "finish_reason",
    "time_to_first_token", "cost_micro_usd", "tool_name", "tool_call_id", "retrieval_source", "result_count",
    "attributes",
)  # fmt: skip
FAILURE_COLUMNS = (
    "run_id", "failure_id", "step_id", "type", "code", "exception_type", "http_status", "grpc_status", "retryable",
    "caused_by_failure_id", "occur_time",
)  # fmt: skip


# What a model call used, 0 where it was not told: the model that answered or else was asked for, input and output
# tokens, and the cost in micro-US-dollars. A plain tuple: one is made for every step with a model.
ModelUse = tuple[str, int, int, int]


class EncodedRow(NamedTuple):
    """One step or failure, its columns encoded for COPY BINARY in the order in which a client fills them.

    `key`: the first two columns, the run's id and the item's own. `time`: the earliest time it mentions, in
    microseconds since 1970. Two rows have the same content if their `body` is the same.

    What follows is for the metrics: `end` of a step, in microseconds (of a failure: when it occurred), numbers of the
    contract's enums (a failure has no status, 0), and what a step's model used.
    """

    key: bytes
    run_id: str
    time: int
    body: bytes
    end: int
    type: int
    status: int = 0
    model: ModelUse | None = None


class Verdict(NamedTuple):
    """What became of a row: "ACCEPTED", "DUPLICATE", or the reason it was refused with the column at fault."""

    outcome: str
    column: str | None = None


ACCEPTED = Verdict("ACCEPTED")
DUPLICATE = Verdict("DUPLICATE")


class FinishedRun(NamedTuple):
    """A run that has ended for the first time. `seconds`: how long it took, None where its start was not told."""

    run_id: str
    status: str
    seconds: float | None


class RunEvents(NamedTuple):
    """What a batch did to runs. `agents`: whose each run is, by its id; "" where that is not known yet.

    `started`: runs that are new; `corrected_count`: of ended ones, how many have another status now.
    """

    agents: Mapping[str, str] = MappingProxyType({})
    started: Sequence[str] = ()
    finished: Sequence[FinishedRun] = ()
    corrected_count: int = 0

    def and_then(self, later: RunEvents) -> RunEvents:
        """Return these and later ones together."""
        return RunEvents(
            {**self.agents, **later.agents},
            (*self.started, *later.started),
            (*self.finished, *later.finished),
            self.corrected_count + later.corrected_count,
        )


class Outcome(NamedTuple):
    """What became of a batch: a verdict for each row, in the order of the rows; and what it did to runs."""

    runs: list[Verdict]
    steps: list[Verdict]
    failures: list[Verdict]
    events: RunEvents = RunEvents()


@dataclass(frozen=True, slots=True)
class AbandonedRuns:
    """How many runs of an agent were marked ABANDONED, and how many of them for the first time.

    `agent_id` is "" where it is not known.
    """

    project: str
    agent_id: str
    run_count: int
    first_count: int


@dataclass(frozen=True, slots=True)
class AgentActivity:
    """What an agent is at, `agent_id` "" where it is not known. `last_run_timestamp`: in seconds since 1970."""

    project: str
    agent_id: str
    in_progress_count: int
    stalled_count: int
    last_run_timestamp: float
    oldest_open_seconds: float

    def with_others(self, others: AgentActivity | None) -> AgentActivity:
        """Return this together with that of others."""
        if others is None:
            return self
        return AgentActivity(
            self.project,
            self.agent_id,
            self.in_progress_count + others.in_progress_count,
            self.stalled_count + others.stalled_count,
            max(self.last_run_timestamp, others.last_run_timestamp),
            max(self.oldest_open_seconds, others.oldest_open_seconds),
        )
