"""The order of a run's steps on the screen: nested, attempts together and numbered, gaps shown. Draws nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.showing.step_order import as_recorded, gaps, is_in_the_middle, work_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.step_pb2 import Step

# How many levels of nesting are told apart on the screen.
_DEEPEST = 8


class Place(NamedTuple):
    """Where a step stands in the tree: how deep, and which levels around it go on below it.

    Attributes:
        depth: 0 for a step of the run itself.
        goes_on: Of the innermost levels, its own last: whether another step follows there.
    """

    depth: int
    goes_on: tuple[bool, ...]


@dataclass(slots=True)
class Row:
    """One step, with what is said beside it.

    Attributes:
        step: The step.
        place: Where it stands in the tree.
        attempts: How many attempts there are at its work.
        failures: Its failures.
        missing_before: How many steps are missing between it and the one recorded before it.
        left_out: How many attempts between it and the one before are not shown.
    """

    step: Step
    place: Place
    attempts: int = 1
    failures: list[FailureDetail] = field(default_factory=list)
    missing_before: int = 0
    left_out: int = 0


def rows(steps: Iterable[Step], failures: Iterable[FailureDetail], missing: int) -> list[Row]:
    """Return the rows of a run: parents before their children, each level in the order it ran."""
    ordered = as_recorded(steps)
    attempts = _attempt_counts(ordered)
    missing_before = gaps(ordered, missing)
    failed = defaultdict(list)
    for failure in failures:
        failed[failure.failure.step_id].append(failure)
    return [
        Row(step, place, attempts[work_of(step)], failed[step.step_id], missing_before.get(step.step_id, 0))
        for step, place in _nested(_attempts_together(ordered))
    ]


def shortened(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the middle ones of many attempts, unless something is nested in them."""
    parents = {row.step.parent_step_id for row in rows}
    shown: list[Row] = []
    left_out = 0
    for row in rows:
        if row.step.step_id not in parents and _is_of_many(row):
            left_out += 1
            continue
        row.left_out, left_out = left_out, 0
        shown.append(row)
    return shown


def _is_of_many(row: Row) -> bool:
    """Whether a row is one of so many attempts that it need not be shown; the root failure is shown always."""
    return is_in_the_middle(max(1, row.step.attempt), row.attempts) and not any(it.root for it in row.failures)


def _attempt_counts(steps: Iterable[Step]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in steps:
        counts[work_of(step)] = max(counts.get(work_of(step), 1), step.attempt)
    return counts


def _attempts_together(ordered: Sequence[Step]) -> list[Step]:
    """Return the steps with the attempts at the same work behind the first of them."""
    first: dict[str, int] = {}
    for number, step in enumerate(ordered):
        first.setdefault(work_of(step), number)
    return sorted(ordered, key=lambda step: (first[work_of(step)], step.attempt))


def _nested(ordered: Sequence[Step]) -> Iterator[tuple[Step, Place]]:
    """Yield every step once, with its place. One whose parent is missing counts as the run's own."""
    known = {step.step_id for step in ordered}
    children = defaultdict(list)
    for step in ordered:
        children[step.parent_step_id if step.parent_step_id in known else ""].append(step)
    shown: set[str] = set()
    # The second pass finds what only a circle of parents leads to.
    for roots in (children[""], ordered):
        stack = [(step, Place(0, ())) for step in reversed(roots)]
        while stack:
            step, place = stack.pop()
            if step.step_id in shown:
                continue
            shown.add(step.step_id)
            yield step, place
            stack.extend(_places(children[step.step_id], place))


def _places(siblings: Sequence[Step], above: Place) -> Iterator[tuple[Step, Place]]:
    """Yield steps nested in the same one, the last first."""
    for goes_on, step in zip([False] + [True] * len(siblings), reversed(siblings), strict=False):
        yield step, Place(above.depth + 1, (*above.goes_on, goes_on)[-_DEEPEST:])
