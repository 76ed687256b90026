"""The order of a run's steps: as recorded, attempts at the same work, what is missing between, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace.v1.step_pb2 import Step

# Of more attempts than this, the first and the last are shown.
MOST_ATTEMPTS = 6
_FIRST_ATTEMPTS, _LAST_ATTEMPTS = 3, 2


def as_recorded(steps: Iterable[Step]) -> list[Step]:
    """Return steps in the order in which the agent recorded them."""
    return sorted(steps, key=lambda step: (step.sequence, nanoseconds(step.start_time), step.step_id))


def work_of(step: Step) -> str:
    """Return what the attempts at the same work have in common: the id of the first."""
    return step.retry_of_step_id or step.step_id


def is_in_the_middle(attempt: int, attempts: int) -> bool:
    """Whether an attempt, counted from 1, is one of those that are left out where there are many."""
    return attempts > MOST_ATTEMPTS and _FIRST_ATTEMPTS < attempt <= attempts - _LAST_ATTEMPTS


def gaps(ordered: Iterable[Step], missing: int) -> dict[str, int]:
    """Return how many numbers of the sequence are left out before a step, where steps are missing at all."""
    found: dict[str, int] = {}
    expected = 0
    for step in ordered:
        gap = min(step.sequence - expected, missing)
        if gap > 0:
            found[step.step_id] = gap
            missing -= gap
        expected = step.sequence + 1
    return found


def time_span(summary: RunSummary, steps: Sequence[Step]) -> tuple[int, int]:
    """Return when the first thing of a run began and the last ended, in nanoseconds since 1970."""
    run = summary.run
    start = min([nanoseconds(run.start_time), *(nanoseconds(step.start_time) for step in steps)])
    # Of a run that goes on, the last sign of life: its latest step may still be at work.
    end = run.end_time if run.HasField("end_time") else run.heartbeat_time
    return start, max([start, nanoseconds(end), *(nanoseconds(step.end_time) for step in steps)])


def nanoseconds(time: Timestamp) -> int:
    """Return a time as nanoseconds since 1970."""
    # Whole numbers: seconds since 1970 as a float are good for a quarter of a microsecond only.
    return time.seconds * 1_000_000_000 + time.nanos
