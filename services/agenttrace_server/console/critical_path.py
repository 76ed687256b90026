"""What a run waited for: the chain of steps of which each had to end before the next thing could begin."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Stretch = tuple[float, float]


class Span(NamedTuple):
    """When a step was at work, in seconds, and the step that it is nested in; empty for the run."""

    start: float
    end: float
    parent: str


def critical(spans: Mapping[str, Span], end: float) -> dict[str, list[Stretch]]:
    """Return the stretches of the critical path by the step that was itself at work in them.

    It is walked backwards from `end`: of the steps nested in one, the last to end had to be waited for,
    before it the last of those that had ended when it began, and so on. What remains is the step's own.
    Stretches of the run itself, in which no step was at work, are under the empty id.
    """
    inside = _inside(spans)
    found: dict[str, list[Stretch]] = defaultdict(list)
    walk = [("", 0.0, end)]
    while walk:
        step, start, until = walk.pop()
        latest = until
        for child in sorted(inside[step], key=lambda it: spans[it].end, reverse=True):
            first = max(spans[child].start, start)
            # What ran on beside the one that is waited for was not waited for; only the last may outlive its parent.
            if first >= until or (spans[child].end > until and until != latest):
                continue
            last = min(spans[child].end, until)
            _add(found[step], last, until)
            walk.append((child, first, last))
            until = first
        _add(found[step], start, until)
    return found


def self_seconds(spans: Mapping[str, Span]) -> dict[str, float]:
    """Return how long each step was at work while none nested in it was."""
    inside = _inside(spans)
    return {step: span.end - span.start - _covered(span, inside[step], spans) for step, span in spans.items()}


def _inside(spans: Mapping[str, Span]) -> dict[str, list[str]]:
    """Return what is nested in each step. What names a step that is missing is the run's own."""
    inside: dict[str, list[str]] = defaultdict(list)
    for step, span in spans.items():
        inside[span.parent if span.parent in spans else ""].append(step)
    return inside


def _covered(span: Span, children: list[str], spans: Mapping[str, Span]) -> float:
    covered, until = 0.0, span.start
    for child in sorted(children, key=lambda it: spans[it].start):
        last = min(spans[child].end, span.end)
        first = max(spans[child].start, until)
        if last > first:
            covered += last - first
            until = last
    return covered


def _add(stretches: list[Stretch], start: float, end: float) -> None:
    if end > start:
        stretches.append((start, end))
