"""What takes the place of runs and steps where nothing is recorded: loops of attempts still run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from agenttrace.attempts import Attempts
from agenttrace.classify import Classifier
from agenttrace.exporter import Exporter
from agenttrace.guard import Guard
from agenttrace.ids import new_id, uuid_text
from agenttrace.runs import Origin, Run
from agenttrace.steps import Step
from agenttrace.v1 import run_pb2
from agenttrace.v1.step_pb2 import STEP_TYPE_OTHER

if TYPE_CHECKING:
    from agenttrace.attempts import ErrorClasses
    from agenttrace.decorating import Decorated
    from agenttrace.facts import FailureFacts, FailureTypeName, StepFacts, StepTypeName, Usage
    from agenttrace.failures import FailureRecord
    from agenttrace.forms import Attribute


class NoExporter(Exporter):
    """Takes everything and delivers nothing."""

    def record_step(self, step: Step) -> None:
        """Forget the step."""

    def record_failure(self, failure: FailureRecord) -> None:
        """Forget the failure."""

    def record_run(self, message: run_pb2.Run) -> None:
        """Forget the message."""

    def keep_alive(self, run: Run) -> None:
        """Do nothing."""


class SilentRun(Run):
    """A run of which nothing is recorded."""

    __slots__ = ()

    def step(self, type: StepTypeName, name: str, **facts: Unpack[StepFacts]) -> Step:  # noqa: A002, ARG002
        """Return a step that does nothing."""
        return NO_STEP

    def attempts(
        self,
        type: StepTypeName,  # noqa: A002, ARG002
        name: str,  # noqa: ARG002
        *,
        retry_on: ErrorClasses = Exception,
        max_attempts: int = 3,
        **facts: Unpack[StepFacts],  # noqa: ARG002
    ) -> Attempts:
        """Return attempts of which nothing is recorded."""
        return Attempts(lambda: SilentStep(self, STEP_TYPE_OTHER, "", {}), retry_on, max_attempts)


class SilentStep(Step):
    """A step of which nothing is recorded; as an attempt it still knows whether it failed."""

    __slots__ = ()

    def set(self, **attributes: Attribute) -> Self:  # noqa: ARG002
        """Do nothing."""
        return self

    def usage(self, **tokens: Unpack[Usage]) -> Self:  # noqa: ARG002
        """Do nothing."""
        return self

    def retrieval(self, source: str = "", result_count: int | None = None) -> Self:  # noqa: ARG002
        """Do nothing."""
        return self

    def tell(self, **facts: Unpack[StepFacts]) -> Self:  # noqa: ARG002
        """Do nothing."""
        return self

    def __enter__(self) -> Self:
        return self

    def finish(self, error: BaseException | None, *, retried: bool = False) -> None:
        """Do nothing."""

    def __call__(self, function: Decorated) -> Decorated:
        """Return the function as it is."""
        return function


class NoStep(SilentStep):
    """The one step that stands for all that are not recorded: it keeps nothing."""

    __slots__ = ()

    def fail(self, code: str, type: FailureTypeName | None = None, **facts: Unpack[FailureFacts]) -> None:  # noqa: A002
        """Do nothing."""


def silent_run() -> SilentRun:
    """Return a run of which nothing is recorded."""
    return SilentRun(_NOWHERE, run_pb2.Run(run_id=uuid_text(new_id())), 0, silent_run)


_EXPORTER = NoExporter()
_NOWHERE = Origin(_EXPORTER, Guard(_EXPORTER.ledger, _EXPORTER.notices), Classifier())
NO_STEP = NoStep(silent_run(), STEP_TYPE_OTHER, "", {})
