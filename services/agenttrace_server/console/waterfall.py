"""The steps of a run as rows of a timeline: nested, attempts at the same work in one row, gaps shown. Draws nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agenttrace.showing.step_order import as_recorded, gaps, is_in_the_middle, nanoseconds, time_span, work_of
from agenttrace.v1.step_pb2 import STEP_STATUS_ERROR
from agenttrace_server.console import critical_path
from agenttrace_server.console.critical_path import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.query_service_pb2 import GetRunResponse
    from agenttrace.v1.step_pb2 import Step


@dataclass(slots=True)
class Attempt:
    """One stored step, as one attempt at its work. Times are seconds after the timeline's start.

    Attributes:
        step: The step.
        start: When it began.
        end: When it ended.
        failures: Its failures.
        self_seconds: How long none of the steps nested in it was at work.
        critical: The stretches of the critical path that are its own.
    """

    step: Step
    start: float
    end: float
    failures: list[FailureDetail]
    self_seconds: float
    critical: Sequence[tuple[float, float]]

    @property
    def number(self) -> int:
        """Which attempt it is, from 1 on."""
        return max(1, self.step.attempt)

    @property
    def failed(self) -> bool:
        """Whether it ended in an error, or has a failure."""
        return self.step.status == STEP_STATUS_ERROR or bool(self.failures)

    @property
    def root(self) -> bool:
        """Whether its failure is the run's root cause."""
        return any(failure.root for failure in self.failures)

    @property
    def recovered(self) -> bool:
        """Whether it failed, and every failure of it was made good by a later attempt."""
        return bool(self.failures) and all(failure.recovered for failure in self.failures)


@dataclass(slots=True)
class Row:
    """One piece of work: all attempts at it, side by side.

    Attributes:
        key: The id of the first attempt.
        attempts: The stored ones, the first first. Empty for a step that others refer to and that is missing.
        depth: How deep it is nested, 0 for the run's own.
        missing_before: How many steps are missing between it and what was recorded before it.
        within: The row that it is nested in.
    """

    key: str
    attempts: list[Attempt] = field(default_factory=list)
    depth: int = 0
    missing_before: int = 0
    within: Row | None = None

    @property
    def attempt_count(self) -> int:
        """How many attempts there were, missing ones too."""
        return max((attempt.number for attempt in self.attempts), default=0)

    @property
    def root(self) -> bool:
        """Whether one of its attempts is the run's root cause."""
        return any(attempt.root for attempt in self.attempts)

    @property
    def failed(self) -> bool:
        """Whether no attempt came after the last failed one."""
        return bool(self.attempts) and self.attempts[-1].failed

    @property
    def start(self) -> float:
        """When its first attempt began."""
        return min((attempt.start for attempt in self.attempts), default=0.0)

    @property
    def end(self) -> float:
        """When its last attempt ended."""
        return max((attempt.end for attempt in self.attempts), default=0.0)


@dataclass(frozen=True, slots=True)
class Timeline:
    """All rows of a run in their order, parents before what is nested in them.

    Attributes:
        rows: The rows.
        start: When the first thing of the run began, in seconds since 1970.
        seconds: How long after that the last ended.
        missing_after: How many steps are missing that no gap in the sequence tells the place of.
        waiting: The stretches of the critical path in which no step was at work.
    """

    rows: list[Row]
    start: float
    seconds: float
    missing_after: int
    waiting: Sequence[tuple[float, float]]

    @property
    def step_count(self) -> int:
        """How many steps it has."""
        return sum(len(row.attempts) for row in self.rows)

    def row_of(self, step_id: str) -> int | None:
        """Return which row a step is in."""
        return next(
            (n for n, row in enumerate(self.rows) if any(it.step.step_id == step_id for it in row.attempts)), None
        )


def timeline(detail: GetRunResponse) -> Timeline:
    """Return the timeline of a run with all its steps and failures."""
    steps = as_recorded(detail.steps)
    start, end = time_span(detail.run, steps)
    spans = {step.step_id: _span_of(step, start) for step in steps}
    whole = (end - start) / 1e9
    critical = critical_path.critical(spans, whole)
    failures = defaultdict(list)
    for failure in detail.failures:
        failures[failure.failure.step_id].append(failure)
    own = critical_path.self_seconds(spans)
    attempts = [
        Attempt(
            step, *spans[step.step_id][:2], failures[step.step_id], own[step.step_id], critical.get(step.step_id, ())
        )
        for step in steps
    ]
    missing = detail.completeness.missing_step_count
    rows = _rows(attempts, gaps(steps, missing))
    missing_after = missing - sum(row.missing_before for row in rows)
    return Timeline(list(_nested(rows, attempts)), start / 1e9, whole, missing_after, critical.get("", ()))


def attempt_marks(row: Row) -> list[tuple[int, Attempt | None]]:
    """Return each attempt with its number: None with the number of one that is missing, with 0 for those left out."""
    by_number = {attempt.number: attempt for attempt in row.attempts}
    count = row.attempt_count
    numbers = (0 if is_in_the_middle(number, count) else number for number in range(1, count + 1))
    # Its lane has them all: here one 0 stands for all that are left out.
    return [(number, by_number.get(number)) for number in dict.fromkeys(numbers)]


def _span_of(step: Step, start: int) -> Span:
    begins, ends = ((nanoseconds(time) - start) / 1e9 for time in (step.start_time, step.end_time))
    return Span(begins, ends, step.parent_step_id)


def _rows(attempts: Sequence[Attempt], gaps: Mapping[str, int]) -> list[Row]:
    """Return a row for each piece of work, in the order in which they began, and one for each missing parent."""
    rows: dict[str, Row] = {}
    known = {attempt.step.step_id for attempt in attempts}
    for attempt in attempts:
        parent = attempt.step.parent_step_id
        if parent and parent not in known:
            rows.setdefault(parent, Row(parent))
        row = rows.setdefault(work_of(attempt.step), Row(work_of(attempt.step)))
        row.attempts.append(attempt)
        row.missing_before += gaps.get(attempt.step.step_id, 0)
    for row in rows.values():
        row.attempts.sort(key=lambda attempt: attempt.number)
    return list(rows.values())


def _nested(rows: Sequence[Row], attempts: Sequence[Attempt]) -> Iterator[Row]:
    """Yield every row once, what is nested in it behind it, and tell it its depth."""
    row_of = {attempt.step.step_id: work_of(attempt.step) for attempt in attempts}
    by_key = {row.key: row for row in rows}
    inside: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parent = row.attempts[0].step.parent_step_id if row.attempts else ""
        inside[row_of.get(parent, parent)].append(row)
    shown: set[str] = set()
    # The second pass finds what only a circle of parents leads to.
    for tops in (inside[""], rows):
        stack: list[tuple[Row, Row | None]] = [(row, None) for row in reversed(tops)]
        while stack:
            row, within = stack.pop()
            if row.key in shown:
                continue
            shown.add(row.key)
            row.within, row.depth = within, within.depth + 1 if within else 0
            yield row
            stack.extend((child, by_key[row.key]) for child in reversed(inside[row.key]))
