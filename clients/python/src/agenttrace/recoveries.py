"""Which steps are attempts at the same work, and which failures a later attempt made good."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from agenttrace.steps import Step

FailedSteps: TypeAlias = "dict[tuple[int, str], Step]"
"""Steps that failed, by their type and name."""


class Recoveries:
    """Follows the failed steps of one run, as the server does when it reads them: `recovered` in failure.proto."""

    __slots__ = ("_failed", "_succeeded")

    def __init__(self) -> None:
        # The last attempt that failed and the last that succeeded, by the first attempt's id.
        self._failed: dict[int, int] = {}
        self._succeeded: dict[int, int] = {}

    def take(self, step: Step) -> None:
        """Take a step that has ended; in any order."""
        attempts = self._succeeded if step.failure is None else self._failed
        first, attempt = step.work
        attempts[first] = max(attempt, attempts.get(first, 0))

    @property
    def complete(self) -> bool:
        """Whether a later attempt succeeded wherever a step failed."""
        return all(self._succeeded.get(first, 0) > attempt for first, attempt in self._failed.items())


def note_failed(step: Step) -> None:
    """Remember a failed step, if it is inside of an attempt: the next attempt may do the same again."""
    scope = outer = step.parent
    while outer.failed_inside is None:
        if outer is step.run:
            return
        outer = cast("Step", outer).parent
    if scope.failed_inside is None:
        scope.failed_inside = {}
    scope.failed_inside[step.step_type, step.name] = step


def note_made_good(step: Step) -> None:
    """Forget the failed step that this one made good: what comes after it is other work."""
    if step.parent.failed_inside:
        step.parent.failed_inside.pop((step.step_type, step.name), None)


def repeat(step: Step) -> None:
    """Make a step the next attempt at the work of one like it that failed in the attempt before."""
    earlier = step.parent.to_repeat.pop((step.step_type, step.name), None) if step.parent.to_repeat else None
    if earlier is not None and not step.retry_of:
        step.repeats(earlier.work)
        step.to_repeat = earlier.failed_inside
