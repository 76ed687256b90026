"""A run as the host holds it: started, filled with steps, and ended."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, Unpack

from agenttrace.attempts import Attempts, ErrorClasses
from agenttrace.classify import is_cancellation
from agenttrace.decorating import Decorated, decorate
from agenttrace.facts import (
    FAILURE_TYPES,
    RUN_STATUSES,
    STEP_TYPES,
    FailureFacts,
    FailureSpec,
    FailureTypeName,
    RecordedFacts,
    RunStatusName,
    StepFacts,
    StepTypeName,
)
from agenttrace.failures import FailureRecord, add_statuses, failure_of, make_failure
from agenttrace.recoveries import Recoveries
from agenttrace.replay import fill_finished_step
from agenttrace.run_messages import RunMessages
from agenttrace.scope import ENCLOSING, leave
from agenttrace.steps import Step, is_same_error
from agenttrace.times import nanoseconds
from agenttrace.v1 import run_pb2
from agenttrace.v1.failure_pb2 import FAILURE_TYPE_ORCHESTRATION
from agenttrace.v1.step_pb2 import STEP_TYPE_OTHER, StepType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from agenttrace.classify import Classifier
    from agenttrace.exporter import Exporter
    from agenttrace.forms import Attribute
    from agenttrace.guard import Guard
    from agenttrace.recoveries import FailedSteps


@dataclass(frozen=True, slots=True)
class Origin:
    """What the runs of one tracer share."""

    exporter: Exporter
    guard: Guard
    classifier: Classifier


class Run:
    """One execution of an agent: a context manager, sync and async, or a decorator.

    Made by Tracer.run(). Its status follows from what happened in it: an exception that leaves it or
    `fail()` makes it a failure, a failed step that no retry made good makes it partial, a cancellation
    cancelled, and all else a success. `set_status()` overrules that.
    """

    # What a step has of the attempt that it is, or is inside of: a run is none.
    failed_inside: FailedSteps | None = None
    to_repeat: FailedSteps | None = None

    __slots__ = (
        "__weakref__",
        "_again",
        "_ended_as",
        "_failed",
        "_process",
        "_recorded",
        "_status",
        "attributes",
        "classifier",
        "end_ns",
        "escaping",
        "exporter",
        "guard",
        "messages",
        "outer",
        "recoveries",
        "run_id",
        "sequence",
        "start_ns",
    )

    def __init__(self, origin: Origin, base: run_pb2.Run, start_ns: int, again: Callable[[], Run]) -> None:
        self.exporter = origin.exporter
        self.guard = origin.guard
        self.classifier = origin.classifier
        self.run_id = base.run_id
        self.start_ns = start_ns
        self.end_ns = 0
        self.outer: Step | Run | None = None
        self.escaping: tuple[BaseException, FailureRecord] | None = None
        self.attributes: dict[str, Attribute] = {}
        self.recoveries = Recoveries()
        self.sequence = itertools.count()
        self._recorded = itertools.count()  # counts over threads without a lock
        self.messages = RunMessages(base)
        self._process = 0
        self._again = again
        self._failed = False
        self._status: RunStatusName | None = None
        self._ended_as: RunStatusName | None = None

    @property
    def status(self) -> RunStatusName | Literal["running"]:
        """Where the run stands, as told or as it follows from what happened."""
        return self._ended_as or "running"

    @property
    def run(self) -> Run:
        """The run itself, as a step has its run."""
        return self

    def step(self, type: StepTypeName, name: str, **facts: Unpack[StepFacts]) -> Step:  # noqa: A002
        """Return a step, to be entered or to decorate a function. Never raises.

        Args:
            type: What kind of step it is. An unknown word is recorded as "other".
            name: What it is called: a token. Recorded as `invalid_name` if it is none.
            facts: What else is known, such as `model` and `provider`; see StepFacts.
        """
        if facts:
            self.guard.facts(facts)
        return Step(self, STEP_TYPES.get(type) or self._other_type(), self.guard.name(name), facts)

    def attempts(
        self,
        type: StepTypeName,  # noqa: A002
        name: str,
        *,
        retry_on: ErrorClasses = Exception,
        max_attempts: int = 3,
        **facts: Unpack[StepFacts],
    ) -> Attempts:
        """Return an iterator over attempts at the same work, each its own step.

        For `for` and `async for`. It ends after the first attempt that succeeds. An exception of
        `retry_on` is caught unless it is the last attempt's; any other goes on untouched.
        """
        return Attempts(lambda: self.step(type, name, **facts), retry_on, max_attempts)

    def record_step(
        self,
        type: StepTypeName,  # noqa: A002
        name: str,
        start_time: dt.datetime,
        end_time: dt.datetime,
        *,
        attributes: Mapping[str, Attribute] | None = None,
        failure: FailureSpec | None = None,
        **facts: Unpack[RecordedFacts],
    ) -> Step:
        """Record a step that is over, with everything told: for replays and imports.

        With `failure` it is an error. Recording the same again, with the same ids, changes nothing.

        Raises:
            InvalidValueError: An id is no UUID, or a time has no zone.
        """
        span = nanoseconds("start_time", start_time), nanoseconds("end_time", end_time)
        step = self.step(type, name).set(**(attributes or {}))
        fill_finished_step(step, span, facts, failure)
        self.record(step)
        return step

    def set(self, **attributes: Attribute) -> Self:
        """Add facts about the run under keys, as Step.set; told with the run's end.

        A key has one value: what was told at the start is not told otherwise later.
        """
        fresh: dict[str, Attribute] = {}
        self.guard.attributes(attributes, fresh)
        changed = [key for key, value in fresh.items() if self.messages.told_otherwise(key, value)]
        if changed:
            self.guard.refuse_facts(len(changed))
        self.attributes.update({key: value for key, value in fresh.items() if key not in changed})
        return self

    def set_status(self, status: RunStatusName) -> None:
        """Say how the run ended, whatever happened in it."""
        if status in RUN_STATUSES:
            self._status = status
        else:
            self.guard.refuse_name("status", "left out")

    def fail(self, code: str, type: FailureTypeName = "orchestration", **facts: Unpack[FailureFacts]) -> None:  # noqa: A002
        """Record a failure of the run as a whole, and make it a failure.

        Args:
            code: What happened, such as "task_not_completed": a token.
            type: Where it comes from.
            facts: What else is known, see FailureFacts.

        Raises:
            InvalidValueError: An id among the facts is no UUID, or the time has no zone.
        """
        self._failed = True
        failure_type = FAILURE_TYPES.get(type, FAILURE_TYPE_ORCHESTRATION)
        self._record_failure(make_failure(failure_type, code, facts, self.guard))

    def start(self) -> Self:
        """Start the run without entering it; `end()` must follow."""
        if not self._process:
            self._process = os.getpid()
            self.start_ns = self.start_ns or time.time_ns()
            self.exporter.record_run(self.messages.start(self.start_ns))
            self.exporter.keep_alive(self)
        return self

    def end(self, status: RunStatusName | None = None, end_time: dt.datetime | None = None) -> None:
        """End the run; what leaving it does by itself. The second call does nothing.

        Raises:
            InvalidValueError: The time has no zone.
        """
        if status is not None:
            self.set_status(status)
        self._finish(None, nanoseconds("end_time", end_time) if end_time else 0)

    def __enter__(self) -> Self:
        self.start()
        self.outer = ENCLOSING.get()
        ENCLOSING.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish(error)
        leave(self)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Decorated) -> Decorated:
        """Return the function with each call in a run of its own, like this one."""
        return decorate(function, self._again)

    def record(self, step: Step) -> None:
        """Take a step that has ended."""
        next(self._recorded)
        if step.failure is not None or step.retry_of:
            self.recoveries.take(step)
        self.exporter.record_step(step)

    def _finish(self, error: BaseException | None, end_ns: int = 0) -> None:
        if self.end_ns:
            return
        self.start()
        self.end_ns = max(end_ns or time.time_ns(), self.start_ns)
        if self._process != os.getpid():
            return  # a forked child leaves the end of a run to the process that started it
        if error is not None and not is_cancellation(error):
            self._fail_with(error)
        self.escaping = None
        self.exporter.let_go(self)
        self._ended_as = self._status or self._derived_status(error)
        status = RUN_STATUSES[self._ended_as]
        self.exporter.record_run(self.messages.end(status, self.end_ns, next(self._recorded), self.attributes))

    def _derived_status(self, error: BaseException | None) -> RunStatusName:
        if error is not None and is_cancellation(error):
            return "cancelled"
        if error is not None or self._failed:
            return "failure"
        return "success" if self.recoveries.complete else "partial"

    def _fail_with(self, error: BaseException) -> None:
        """Record the exception as the run's own failure, unless it is a step's already."""
        if self.escaping is None or not is_same_error(self.escaping[0], error):
            failure = failure_of(error, FAILURE_TYPE_ORCHESTRATION, self.classifier)
            add_statuses(failure, error)
            self._record_failure(failure)

    def _record_failure(self, failure: FailureRecord) -> None:
        failure.run_id = self.run_id
        failure.occur_ns = failure.occur_ns or self.end_ns or time.time_ns()
        self.exporter.record_failure(failure)

    def _other_type(self) -> StepType:
        self.guard.refuse_name("step type", "recorded as other")
        return STEP_TYPE_OTHER
