"""Steps that are recorded after the fact, with their ids and times told."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from agenttrace import limits
from agenttrace.classify import failure_type_of
from agenttrace.errors import InvalidValueError
from agenttrace.exception_codes import DEFAULT_CODE
from agenttrace.facts import FAILURE_TYPES, FailureFacts, FailureSpec, RecordedFacts, StepFacts
from agenttrace.failures import make_failure
from agenttrace.ids import uuid_number

if TYPE_CHECKING:
    from agenttrace.steps import Step

_OWN = ("step_id", "parent_step_id", "sequence", "attempt", "retry_of_step_id")


def fill_finished_step(step: Step, span: tuple[int, int], facts: RecordedFacts, failure: FailureSpec | None) -> None:
    """Write everything told about a step that is over into a new step.

    Raises:
        InvalidValueError: An id is no UUID, a number is out of its range, or the end is before the start.
    """
    step.start_ns, step.end_ns = span
    if step.end_ns < step.start_ns:
        raise InvalidValueError("end_time is before start_time")
    _place(step, facts)
    step.facts = cast("StepFacts", {name: value for name, value in facts.items() if name not in _OWN})
    step.run.guard.facts(step.facts)
    if failure is not None:
        _fail(step, failure)


def _place(step: Step, facts: RecordedFacts) -> None:
    """Give the step its ids and its place in the run."""
    step.id = uuid_number("step_id", facts.get("step_id", "")) or step.id
    step.parent_id = uuid_number("parent_step_id", facts.get("parent_step_id", ""))
    step.retry_of = uuid_number("retry_of_step_id", facts.get("retry_of_step_id", ""))
    step.sequence = facts["sequence"] if "sequence" in facts else next(step.run.sequence)
    step.attempt = facts.get("attempt", 1)
    if not 1 <= step.attempt <= limits.ATTEMPT_MAX or not 0 <= step.sequence <= limits.SEQUENCE_MAX:
        raise InvalidValueError("attempt or sequence is out of its range")
    if (step.attempt > 1) != bool(step.retry_of):
        raise InvalidValueError("retry_of_step_id goes with attempt 2 or more, and only with that")


def _fail(step: Step, spec: FailureSpec) -> None:
    failure_type = FAILURE_TYPES.get(spec.get("type", ""), failure_type_of(step.step_type))
    facts = cast("FailureFacts", {name: value for name, value in spec.items() if name not in {"code", "type"}})
    step.failure = make_failure(failure_type, spec.get("code", DEFAULT_CODE), facts, step.run.guard)
    step.complete_failure(step.failure)
