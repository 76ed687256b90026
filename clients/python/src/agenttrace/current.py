"""`agenttrace.step`, a step of the current run, and `agenttrace.current_step`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from agenttrace.decorating import Decorated, decorate, name_of
from agenttrace.disabled import NO_STEP
from agenttrace.notices import Notices
from agenttrace.scope import ENCLOSING, current_run
from agenttrace.steps import Step

if TYPE_CHECKING:
    from types import TracebackType

    from agenttrace.facts import StepFacts, StepTypeName

_notices = Notices()


def step(type: StepTypeName, name: str = "", **facts: Unpack[StepFacts]) -> CurrentStep:  # noqa: A002 - the contract's word
    """Return a step of the run that is current when it begins, as a context manager or decorator.

    As a decorator the step's name is the function's unless given. Where there is no current run the
    code runs and nothing is recorded; that is warned of once.
    """
    return CurrentStep(type, name, facts)


def current_step() -> Step:
    """Return the step that the calling code is in, to tell more about it: for decorated and wrapped functions.

    Outside of any step it returns one that does nothing.
    """
    scope = ENCLOSING.get()
    return scope if isinstance(scope, Step) else NO_STEP


class CurrentStep:
    """A step of whatever run is current when it begins."""

    __slots__ = ("_facts", "_name", "_step", "_type")

    def __init__(self, step_type: StepTypeName, name: str, facts: StepFacts) -> None:
        self._type = step_type
        self._name = name
        self._facts = facts
        self._step: Step = NO_STEP

    def __enter__(self) -> Step:
        self._step = self._open(self._name)
        return self._step.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)

    async def __aenter__(self) -> Step:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)

    def __call__(self, function: Decorated) -> Decorated:
        """Return the function with each call in a step of its own."""
        name = self._name or name_of(function)
        return decorate(function, lambda: self._open(name))

    def another(self) -> Step:
        """Return a new step of the run that is current now, to be entered."""
        return self._open(self._name)

    def _open(self, name: str) -> Step:
        run = current_run()
        if run is None:
            _notices.once("no run", "agenttrace: a step outside of a run is not recorded; see Tracer.run()")
            return NO_STEP
        return run.step(self._type, name, **self._facts)
