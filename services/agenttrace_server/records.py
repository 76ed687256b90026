"""The rows we write and read.

NamedTuple for what is written, frozen dataclass for what is read: rows map onto it by name. Steps and failures are
many, and are encoded for COPY as soon as they are read; runs are few, and merge in the database. Times are aware
datetimes, ids are UUIDs or their canonical text; statuses and types are spelt as stored, without the proto's prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
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


class EncodedRow(NamedTuple):
    """One step or failure, its columns encoded for COPY BINARY in the order in which a client fills them.

    `key`: the first two columns, the run's id and the item's own. `time`: the earliest time it mentions, in
    microseconds since 1970. Two rows have the same content if their `body` is the same.
    """

    key: bytes
    run_id: str
    time: int
    body: bytes


class Verdict(NamedTuple):
    """What became of a row: "ACCEPTED", "DUPLICATE", or the reason it was refused with the column at fault."""

    outcome: str
    column: str | None = None


ACCEPTED = Verdict("ACCEPTED")
DUPLICATE = Verdict("DUPLICATE")


class Outcome(NamedTuple):
    """What became of a batch: a verdict for each row, in the order of the rows."""

    runs: list[Verdict]
    steps: list[Verdict]
    failures: list[Verdict]
