"""The rows the query service reads, the filters it reads them by, and the places where listings go on.

Rows map onto the dataclasses by name, so column, field and proto names are equal. Statuses and types are
spelt as stored, without the proto's prefix. Runs and steps are not frozen: a listing makes many, and a frozen
dataclass takes four times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

Scalar = str | int | float | bool
RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT, PositionT]):
    """A chunk of a listing, and after which place it goes on; None at its end."""

    rows: Sequence[RowT]
    next: PositionT | None


class RunPosition(NamedTuple):
    """A place in a listing of runs."""

    start_time: datetime
    run_id: UUID


class StepPosition(NamedTuple):
    """A place in a listing of steps: behind one step, or behind a whole run where the step is None."""

    run_start_time: datetime
    run_id: UUID
    sequence: int | None = None
    start_time: datetime | None = None
    step_id: UUID | None = None


class FailurePosition(NamedTuple):
    """A place in a listing of failures. With the run, for an id is unique only within its run."""

    occur_time: datetime
    failure_id: UUID
    run_id: UUID


class ChangePosition(NamedTuple):
    """A place in the stream of changes: it and all before it were read.

    `time`: seconds since 1970 by the database's clock. What comes behind the place was written later, or in a
    transaction that was still running then.
    """

    xid: int
    seq: int
    time: int


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs. An empty field selects all."""

    agent_ids: Sequence[str] = ()
    agent_versions: Sequence[str] = ()
    environments: Sequence[str] = ()
    statuses: Sequence[str] = ()
    start_time_from: datetime | None = None
    start_time_before: datetime | None = None
    failure_types: Sequence[str] = ()
    failure_codes: Sequence[str] = ()
    min_duration: timedelta | None = None
    max_duration: timedelta | None = None
    session_id: str | None = None
    tags: Sequence[str] = ()
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    has_retries: bool | None = None
    incomplete: bool | None = None
    user_key: str | None = None
    parent_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps. An empty field selects all."""

    types: Sequence[str] = ()
    statuses: Sequence[str] = ()
    names: Sequence[str] = ()
    models: Sequence[str] = ()
    tools: Sequence[str] = ()
    min_duration: timedelta | None = None
    is_retry: bool | None = None


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Which failures. An empty field selects all."""

    types: Sequence[str] = ()
    codes: Sequence[str] = ()
    occur_time_from: datetime | None = None
    occur_time_before: datetime | None = None
    agent_ids: Sequence[str] = ()
    agent_versions: Sequence[str] = ()
    environments: Sequence[str] = ()
    recovered: bool | None = None


@dataclass(frozen=True, slots=True)
class StepSelection:
    """Which steps: of one run, or of the runs that a filter selects."""

    run_id: str | None = None
    run_filter: RunFilter = field(default_factory=RunFilter)
    step_filter: StepFilter = field(default_factory=StepFilter)


@dataclass(frozen=True, slots=True)
class FailureSelection:
    """Which failures: of one run, or of all."""

    run_id: str | None = None
    failure_filter: FailureFilter = field(default_factory=FailureFilter)


class RunKey(NamedTuple):
    """What finds a run's steps and failures: `day` is their partition."""

    run_id: UUID
    day: date
    start_time: datetime
    step_count: int

    @property
    def position(self) -> RunPosition:
        """The place of this run in a listing."""
        return RunPosition(self.start_time, self.run_id)


@dataclass(slots=True)
class StoredRun:
    """A run as its messages merged, with what was counted."""

    run_id: UUID
    day: date
    agent_id: str | None
    agent_version: str | None
    environment: str
    status: str
    start_time: datetime
    end_time: datetime | None
    heartbeat_time: datetime | None
    lease_duration: timedelta | None
    session_id: str | None
    user_key: str | None
    parent_run_id: UUID | None
    tags: Sequence[str]
    attributes: Mapping[str, Scalar]
    expected_step_count: int | None
    step_count: int
    failed_step_count: int
    retry_count: int
    failure_count: int
    failure_types: Sequence[str]
    failure_codes: Sequence[str]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int
    create_time: datetime
    update_time: datetime

    @property
    def position(self) -> RunPosition:
        """The place of this run in a listing."""
        return RunPosition(self.start_time, self.run_id)

    @property
    def key(self) -> RunKey:
        """What finds this run's steps and failures."""
        return RunKey(self.run_id, self.day, self.start_time, self.step_count)


@dataclass(slots=True)
class StoredStep:
    """A step, and where its run stands in a listing."""

    run_start_time: datetime
    run_id: UUID
    step_id: UUID
    parent_step_id: UUID | None
    sequence: int
    type: str
    name: str
    status: str
    attempt: int
    retry_of_step_id: UUID | None
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
    attributes: Mapping[str, Scalar]

    @property
    def position(self) -> StepPosition:
        """The place of this step in a listing."""
        return StepPosition(self.run_start_time, self.run_id, self.sequence, self.start_time, self.step_id)


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """A failure with what is derived from the run around it. `attempt` is None without a stored step."""

    run_id: UUID
    failure_id: UUID
    day: date
    step_id: UUID | None
    type: str
    code: str
    exception_type: str | None
    http_status: int | None
    grpc_status: int | None
    retryable: bool | None
    caused_by_failure_id: UUID | None
    occur_time: datetime
    agent_id: str | None
    agent_version: str | None
    environment: str
    failure_count: int
    step_name: str | None
    attempt: int | None
    recovered: bool
    root: bool = False

    @property
    def position(self) -> FailurePosition:
        """The place of this failure in a listing."""
        return FailurePosition(self.occur_time, self.failure_id, self.run_id)


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with what belongs to it."""

    run: StoredRun
    failures: Sequence[StoredFailure]
    steps: Page[StoredStep, StepPosition]
    missing_step_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What a person reads beside a failure code."""

    type: str
    code: str
    title: str
    remedy: str
