"""`agenttrace.wrap`: makes each call of any callable a step."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar, Unpack
from weakref import WeakKeyDictionary

from agenttrace.current import CurrentStep, step
from agenttrace.decorating import decorate, name_of
from agenttrace.scope import current_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.facts import StepFacts, StepTypeName
    from agenttrace.runs import Run

P = ParamSpec("P")
R = TypeVar("R")


def wrap(
    function: Callable[P, R],
    /,
    *,
    type: StepTypeName = "tool",  # noqa: A002 - the contract's word
    name: str = "",
    retries: bool = False,
    **facts: Unpack[StepFacts],
) -> Callable[P, R]:
    """Return a callable of the same signature whose every call is a step of the current run.

    For what cannot be decorated where it is defined: a library's function, a bound method, an object
    with `__call__`, a partial; functions, coroutine functions and generators of both kinds. Neither
    arguments nor results are looked at. An exception makes the step an error and goes on untouched.

    Args:
        function: What is called.
        type: What kind of step a call is.
        name: What the step is called: a token; the callable's own name when left out.
        retries: Whether a call after a failed one, in the same run, is the next attempt at the same
            work: for what a framework calls again by itself, such as tenacity, a LangGraph RetryPolicy
            or pydantic-ai's ModelRetry. In your own loop use Run.attempts.
        facts: What else is known of each call, such as `model` and `provider`; see StepFacts.
    """
    opener = step(type, name or name_of(function), **facts)
    return decorate(function, _Repeated(opener).attempt) if retries else opener(function)


class _Repeated:
    """The calls of one callable: one that follows a failed one is the next attempt."""

    def __init__(self, opener: CurrentStep) -> None:
        self._opener = opener
        # Numbers, not the step: that has its run, which would never be forgotten.
        self._failed: WeakKeyDictionary[Run, tuple[int, int]] = WeakKeyDictionary()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        attempt = self._opener.another()
        run = current_run()
        # Taken away, so that of parallel calls only one repeats it.
        earlier = self._failed.pop(run, None) if run is not None else None
        if earlier is not None:
            attempt.repeats(earlier)
        try:
            with attempt:
                yield
        finally:
            if run is not None and attempt.failed:
                self._failed[run] = attempt.work
