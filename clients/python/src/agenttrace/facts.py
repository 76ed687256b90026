"""The facts a step may carry beside its name, type and times: one table of names and kinds."""

import datetime as dt
from collections.abc import Callable
from typing import Final, Literal, TypedDict

from agenttrace import limits
from agenttrace.forms import is_count, is_token
from agenttrace.v1.failure_pb2 import FailureType
from agenttrace.v1.run_pb2 import RunStatus
from agenttrace.v1.step_pb2 import StepType

StepTypeName = Literal["plan", "retrieve", "tool", "model", "respond", "handoff", "guardrail", "other"]
FailureTypeName = Literal["tool", "model", "retrieval", "orchestration"]
RunStatusName = Literal["success", "failure", "partial", "cancelled"]

STEP_TYPES: Final[dict[str, StepType]] = {
    "plan": StepType.STEP_TYPE_PLAN,
    "retrieve": StepType.STEP_TYPE_RETRIEVE,
    "tool": StepType.STEP_TYPE_TOOL,
    "model": StepType.STEP_TYPE_MODEL,
    "respond": StepType.STEP_TYPE_RESPOND,
    "handoff": StepType.STEP_TYPE_HANDOFF,
    "guardrail": StepType.STEP_TYPE_GUARDRAIL,
    "other": StepType.STEP_TYPE_OTHER,
}
FAILURE_TYPES: Final[dict[str, FailureType]] = {
    "tool": FailureType.FAILURE_TYPE_TOOL,
    "model": FailureType.FAILURE_TYPE_MODEL,
    "retrieval": FailureType.FAILURE_TYPE_RETRIEVAL,
    "orchestration": FailureType.FAILURE_TYPE_ORCHESTRATION,
}
RUN_STATUSES: Final[dict[str, RunStatus]] = {
    "success": RunStatus.RUN_STATUS_SUCCESS,
    "failure": RunStatus.RUN_STATUS_FAILURE,
    "partial": RunStatus.RUN_STATUS_PARTIAL,
    "cancelled": RunStatus.RUN_STATUS_CANCELLED,
}


class StepFacts(TypedDict, total=False):
    """Optional facts about a step.

    Names are tokens, counts whole numbers from 0 to 2^53 - 1. A fact that is not of its kind is left
    out and counted in the receipt. Absent means not known, which is not 0.
    """

    model: str
    """The model asked for."""
    provider: str
    """Who serves the model, such as "openai"."""
    response_model: str
    """The model that answered."""
    finish_reason: str
    """Why the model stopped, such as "stop"."""
    time_to_first_token_seconds: float
    """From the request to the first token of the answer."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    input_includes_cached: bool
    """Whether input_tokens counts the tokens of the provider's cache."""
    cost_micro_usd: int
    """What the call cost, in millionths of a US dollar."""
    tool: str
    """The tool's name, where it is not the step's."""
    tool_call_id: str
    """The id the model gave the call."""
    source: str
    """The collection a look-up asked."""
    result_count: int
    """How many records a look-up found."""


class Usage(TypedDict, total=False):
    """The tokens of one call of a model; see StepFacts."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    input_includes_cached: bool


class FailureFacts(TypedDict, total=False):
    """Optional facts about a failure."""

    exception_type: str
    """The name of the exception's class."""
    http_status: int
    """The HTTP status of the answer that failed, 100 to 599."""
    grpc_status: int
    """The gRPC status of the answer that failed, 0 to 16."""
    retryable: bool
    """Whether trying again could help."""
    failure_id: str
    """The failure's own id, where a replay has one; made here otherwise."""
    caused_by_failure_id: str
    """The failure of the same run that caused this one."""
    occur_time: dt.datetime
    """When it happened: aware; now, or the end of its step, otherwise."""


class FailureSpec(FailureFacts, total=False):
    """A failure as `Run.record_step` takes it: its code, its type, and what else is known."""

    code: str
    """What happened: a token. `uncaught_exception` when left out."""
    type: FailureTypeName
    """Where it comes from; derived from the step's type when left out."""


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= limits.LEASE_SECONDS_MAX


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


CHECKS: Final[dict[str, Callable[[object], bool]]] = {
    **dict.fromkeys(
        ("model", "provider", "response_model", "finish_reason", "tool", "tool_call_id", "source"), is_token
    ),
    **dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), is_count),
    **dict.fromkeys(("reasoning_tokens", "cost_micro_usd", "result_count"), is_count),
    "time_to_first_token_seconds": _is_seconds,
    "input_includes_cached": _is_truth,
}


def refused(facts: StepFacts) -> list[str]:
    """Return the names of the facts that are not of their kind. None and "" stand for not known."""
    return [
        name for name, value in facts.items() if name not in CHECKS or not (value in (None, "") or CHECKS[name](value))
    ]


class RecordedFacts(StepFacts, total=False):
    """What a step that is recorded after the fact may tell beside its facts."""

    step_id: str
    """The step's UUID; made here when left out."""
    parent_step_id: str
    """The UUID of the step it is nested in; none when left out."""
    sequence: int
    """Its place in the order of the run; the next one when left out."""
    attempt: int
    """Which attempt at the same work it is: 1 when left out."""
    retry_of_step_id: str
    """The UUID of the first attempt, with attempt 2 or more."""
