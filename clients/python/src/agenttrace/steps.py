"""A step as the host holds it: begun, told about, and ended."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, Unpack

from agenttrace.classify import causes, class_name, failure_type_of, is_cancellation
from agenttrace.decorating import Decorated, decorate
from agenttrace.facts import FAILURE_TYPES, FailureFacts, FailureTypeName, StepFacts, Usage
from agenttrace.failures import FailureRecord, add_statuses, failure_of, is_http_status, make_failure
from agenttrace.ids import new_id, uuid_text
from agenttrace.recoveries import note_failed, note_made_good, repeat
from agenttrace.scope import ENCLOSING, leave

if TYPE_CHECKING:
    from types import TracebackType

    from agenttrace.forms import Attribute
    from agenttrace.recoveries import FailedSteps
    from agenttrace.runs import Run
    from agenttrace.v1.step_pb2 import StepType


class Step:
    """One atomic step of a run: a context manager, sync and async, or a decorator.

    It begins when it is entered and is recorded when it is left. An exception that leaves it makes it
    an error with a classified failure, and goes on untouched. After its end it takes nothing more.
    """

    # Numbers instead of texts and datetimes, and one dictionary for the many facts that most steps
    # have not: making a step is what the host's thread pays for.
    __slots__ = (
        "attempt",
        "attributes",
        "end_ns",
        "escaping",
        "facts",
        "failed_inside",
        "failure",
        "id",
        "name",
        "outer",
        "parent",
        "parent_id",
        "retry_of",
        "run",
        "sequence",
        "start_ns",
        "step_type",
        "to_repeat",
    )

    def __init__(self, run: Run, step_type: StepType, name: str, facts: StepFacts) -> None:
        self.run = run
        self.step_type = step_type
        self.name = name
        self.facts = facts
        self.id = new_id()
        self.outer: Step | Run | None = None  # what to go back to at the end: may be of another run
        self.parent: Step | Run = run
        self.parent_id = 0
        self.sequence = 0
        self.attempt = 1
        self.retry_of = 0
        self.start_ns = 0
        self.end_ns = 0
        self.attributes: dict[str, Attribute] | None = None
        self.failure: FailureRecord | None = None
        self.escaping: tuple[BaseException, FailureRecord] | None = None
        self.failed_inside: FailedSteps | None = None
        self.to_repeat: FailedSteps | None = None

    @property
    def step_id(self) -> str:
        """The step's UUID."""
        return uuid_text(self.id)

    @property
    def failed(self) -> bool:
        """Whether the step is an error."""
        return self.failure is not None

    def set(self, **attributes: Attribute) -> Self:
        """Add facts under keys: numbers, truth values, and strings that are tokens.

        `http_status` belongs to the failure if the step fails. A value that may not be stored is left
        out and counted in the receipt.
        """
        if not self.end_ns:
            if self.attributes is None:
                self.attributes = {}
            self.run.guard.attributes(attributes, self.attributes)
        return self

    def usage(self, **tokens: Unpack[Usage]) -> Self:
        """Tell how many tokens the model took."""
        return self._tell(tokens)  # type: ignore[arg-type] # Usage is a part of StepFacts

    def retrieval(self, source: str = "", result_count: int | None = None) -> Self:
        """Tell which collection was asked and how many records it gave."""
        facts: StepFacts = {"source": source}
        if result_count is not None:
            facts["result_count"] = result_count
        return self._tell(facts)

    def tell(self, **facts: Unpack[StepFacts]) -> Self:
        """Tell any other fact that StepFacts has, such as response_model or finish_reason."""
        return self._tell(facts)

    @property
    def cost_micro_usd(self) -> int | None:
        """What the step cost, in millionths of a US dollar; None where not known."""
        return self.facts.get("cost_micro_usd")

    @cost_micro_usd.setter
    def cost_micro_usd(self, cost: int) -> None:
        self._tell({"cost_micro_usd": cost})

    def fail(self, code: str, type: FailureTypeName | None = None, **facts: Unpack[FailureFacts]) -> None:  # noqa: A002
        """Make the step an error without an exception; the last call before the end counts.

        Args:
            code: What happened, such as "empty_retrieval": a token.
            type: Where it comes from; derived from the step's type when left out.
            facts: What else is known, see FailureFacts.

        Raises:
            InvalidValueError: An id among the facts is no UUID, or the time has no zone.
        """
        if not self.end_ns:
            failure_type = FAILURE_TYPES.get(type or "", failure_type_of(self.step_type))
            self.failure = make_failure(failure_type, code, facts, self.run.guard)

    def __enter__(self) -> Self:
        self.outer = outer = ENCLOSING.get()
        if isinstance(outer, Step) and outer.run is self.run:
            self.parent = outer
            self.parent_id = outer.id
        if self.parent.escaping is not None:
            forget_handled_error(self.parent)
        if self.parent.to_repeat is not None:
            repeat(self)
        self.sequence = next(self.run.sequence)
        ENCLOSING.set(self)
        self.start_ns = time.time_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(error)

    def __call__(self, function: Decorated) -> Decorated:
        """Return the function with each call in a step of its own, of this run, like this one."""
        return decorate(function, lambda: Step(self.run, self.step_type, self.name, self.facts.copy()))

    @property
    def work(self) -> tuple[int, int]:
        """What it is an attempt at, by the id of the first attempt, and which it is."""
        return self.retry_of or self.id, self.attempt

    def repeats(self, work: tuple[int, int]) -> None:
        """Make the step the next attempt at the work of an earlier one."""
        self.retry_of, attempt = work
        self.attempt = attempt + 1

    def finish(self, error: BaseException | None, *, retried: bool = False) -> None:
        """End the step, with the exception that left it; `retried` if that was caught for a retry."""
        if self.end_ns:
            return
        self.end_ns = max(time.time_ns(), self.start_ns)
        leave(self)
        if isinstance(error, GeneratorExit):
            error = None  # who reads a stream has enough of it: that is no failure
        if error is not None:
            self._fail_with(error, retried=retried)
        if self.failure is not None:
            self.complete_failure(self.failure)
            if error is not None:
                add_statuses(self.failure, error)
            note_failed(self)
        elif self.retry_of:
            note_made_good(self)
        self.escaping = None
        self.run.record(self)

    def _fail_with(self, error: BaseException, *, retried: bool) -> None:
        failure = self.failure
        if failure is None:
            self.failure = failure = failure_of(error, failure_type_of(self.step_type), self.run.classifier)
            failure.retryable = True if retried else None
        failure.exception_type = failure.exception_type or class_name(type(error))
        cause = self.escaping
        if cause is not None and is_same_error(cause[0], error):
            failure.caused_by = failure.caused_by or cause[1].id
        # Siblings that are cancelled because this one failed did not cause what leaves the parent.
        if not retried and (self.parent.escaping is None or not is_cancellation(error)):
            self.parent.escaping = (error, failure)

    def complete_failure(self, failure: FailureRecord) -> None:
        """Give the step's failure what it has from the step."""
        failure.run_id = self.run.run_id
        failure.step_id = self.id
        failure.occur_ns = failure.occur_ns or self.end_ns
        if self.attributes and is_http_status(self.attributes.get("http_status")):
            status = self.attributes.pop("http_status")
            if failure.http_status is None and isinstance(status, int):
                failure.http_status = status

    def _tell(self, facts: StepFacts) -> Self:
        if not self.end_ns:
            self.run.guard.facts(facts)
            self.facts.update(facts)
        return self


def is_same_error(inner: BaseException, outer: BaseException) -> bool:
    """Whether an exception that left an inner step is the one outside, its stated cause, or one of its group."""
    return any(inner is error for error in causes(outer))


def forget_handled_error(scope: Step | Run) -> None:
    """Let go of the exception that left a step before, unless it is still on its way."""
    # Kept longer, it would keep the frames it passed through, and all their values, alive.
    if scope.escaping is not None and scope.escaping[0] is not sys.exception():
        scope.escaping = None
