"""The rows we write and read.

NamedTuple for what is written, frozen dataclass for what is read: rows map onto it by name. Steps and failures are
many, and are encoded for COPY as soon as they are read; runs are few, and merge in the database. Times are aware
datetimes, ids are UUIDs or their canonical text; statuses and types are spelt as stored, without the proto's prefix.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

# The project of a deployment without keys.
DEFAULT_PROJECT_ID = 1


class RunMessage(NamedTuple):
    """One run message, as ingest_runs() takes it: a row of its composite type run_message."""

    run_id: str
    is_stub: bool
    agent_id: str | None
    agent_version: str | None
    environment: str | None
    status: str
    start_time: datetime
    end_time: datetime | None
    heartbeat_time: datetime | None
    lease_duration: timedelta | None
    session_id: str | None
    user_key: str | None
    parent_run_id: str | None
    tags: tuple[str, ...]
    attributes: str
    expected_step_count: int | None


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

    `key`: the 16 bytes of the run's id and the 16 of the item's own. `time`: the earliest time it mentions, in
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


class Outcome(NamedTuple):
    """What became of a batch: a verdict for each row, in the order of the rows."""

    runs: list[Verdict]
    steps: list[Verdict]
    failures: list[Verdict]
