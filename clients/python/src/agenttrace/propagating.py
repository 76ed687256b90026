"""`agenttrace.propagate`: takes the current run and step along to another thread."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from agenttrace.decorating import decorate
from agenttrace.scope import ENCLOSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.runs import Run
    from agenttrace.steps import Step

P = ParamSpec("P")
R = TypeVar("R")


def propagate(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function so that its calls are inside the run and step that are current now.

    Tasks and `asyncio.to_thread` take the current run along by themselves; threads, executors and
    `loop.run_in_executor` do not: `executor.map(agenttrace.propagate(work), items)`. Nothing else of the
    caller's context goes along. It cannot go to another process: give that the run's id as `parent`.
    """
    enclosing = ENCLOSING.get()
    return decorate(function, lambda: _inside(enclosing))


@contextmanager
def _inside(enclosing: Step | Run | None) -> Iterator[None]:
    before = ENCLOSING.get()
    ENCLOSING.set(enclosing)
    try:
        yield
    finally:
        # Not ContextVar.reset: a generator may end in another context than it began in.
        ENCLOSING.set(before)
