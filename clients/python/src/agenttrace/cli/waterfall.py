"""The order of a run's steps on the screen: nested, attempts numbered, gaps shown. Draws nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.step_pb2 import Step


@dataclass(slots=True)
class Row:
    """One step, with what is said beside it.

    Attributes:
        step: The step.
        depth: How deep it is nested.
        attempts: How many attempts there are at its work.
        failures: Its failures.
        missing_before: How many steps are missing between it and the one recorded before it.
    """

    step: Step
    depth: int = 0
    attempts: int = 1
    failures: list[FailureDetail] = field(default_factory=list)
    missing_before: int = 0


def rows(steps: Iterable[Step], failures: Iterable[FailureDetail], missing: int) -> list[Row]:
    """Return the rows of a run: parents before their children, each level in the order it ran."""
    ordered = sorted(steps, key=lambda step: (step.sequence, step.start_time.ToNanoseconds(), step.step_id))
    attempts = _attempt_counts(ordered)
    gaps = _gaps(ordered, missing)
    failed = defaultdict(list)
    for failure in failures:
        failed[failure.failure.step_id].append(failure)
    return [
        Row(step, depth, attempts[group(step)], failed[step.step_id], gaps.get(step.step_id, 0))
        for step, depth in _nested(ordered)
    ]


def group(step: Step) -> str:
    """Return what the attempts at the same work have in common: the id of the first."""
    return step.retry_of_step_id or step.step_id


def _attempt_counts(steps: Iterable[Step]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in steps:
        counts[group(step)] = max(counts.get(group(step), 1), step.attempt)
    return counts


def _gaps(ordered: Sequence[Step], missing: int) -> dict[str, int]:
    """Return how many numbers of the sequence are left out before a step, where steps are missing at all."""
    gaps: dict[str, int] = {}
    expected = 0
    for step in ordered:
        gap = min(step.sequence - expected, missing)
        if gap > 0:
            gaps[step.step_id] = gap
            missing -= gap
        expected = step.sequence + 1
    return gaps


def _nested(ordered: Sequence[Step]) -> Iterator[tuple[Step, int]]:
    """Yield every step once, with its depth. One whose parent is missing counts as the run's own."""
    known = {step.step_id for step in ordered}
    children = defaultdict(list)
    for step in ordered:
        children[step.parent_step_id if step.parent_step_id in known else ""].append(step)
    shown: set[str] = set()
    # The second pass finds what only a circle of parents leads to.
    for roots in (children[""], ordered):
        stack = [(step, 0) for step in reversed(roots)]
        while stack:
            step, depth = stack.pop()
            if step.step_id in shown:
                continue
            shown.add(step.step_id)
            yield step, depth
            stack.extend((child, depth + 1) for child in reversed(children[step.step_id]))
