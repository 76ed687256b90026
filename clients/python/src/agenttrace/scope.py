"""What encloses the code that runs now, found through the context of its thread or task."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agenttrace.runs import Run
    from agenttrace.steps import Step

ENCLOSING: ContextVar[Step | Run | None] = ContextVar("agenttrace_enclosing", default=None)


def current_run() -> Run | None:
    """Return the run that the calling code is in, or None."""
    scope = ENCLOSING.get()
    return None if scope is None else scope.run


def leave(scope: Step | Run) -> None:
    """Make what encloses `scope` current again."""
    # Not ContextVar.reset: a generator may end in another context than it began in, and generators
    # that run by turns do not end in the order they began in.
    if ENCLOSING.get() is scope:
        outer = scope.outer
        while outer is not None and outer.end_ns:
            outer = outer.outer
        ENCLOSING.set(outer)
