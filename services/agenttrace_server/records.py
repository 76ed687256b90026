"""The rows we write and read.

NamedTuple for what is written: already a tuple in the order of the table's columns, so it feeds COPY as it
is. Frozen dataclass for what is read: rows map onto it by name. Times are aware datetimes, ids are UUIDs or
their canonical text; statuses and types are spelt as stored, without the proto's prefix.
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


class StepRow(NamedTuple):
    """One step, in the order of the columns of agent_steps that a client fills."""

    run_id: str
    step_id: str
    parent_step_id: str | None
    sequence: int
    type: str
    name: str
    status: str
    attempt: int
    retry_of_step_id: str | None
    start_time: datetime
    end_time: datetime
    provider: str | None
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    input_token_semantics: str | None
    finish_reason: str | None
    time_to_first_token: timedelta | None
    cost_micro_usd: int | None
    tool_name: str | None
    tool_call_id: str | None
    retrieval_source: str | None
    result_count: int | None
    attributes: str


class FailureRow(NamedTuple):
    """One failure, in the order of the columns of agent_failures that a client fills."""

    run_id: str
    failure_id: str
    step_id: str | None
    type: str
    code: str
    exception_type: str | None
    http_status: int | None
    grpc_status: int | None
    retryable: bool | None
    caused_by_failure_id: str | None
    occur_time: datetime


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
