"""Why a run failed: its root failure in words, what that led to, and what is to be said where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agenttrace.showing.few_words import failure_facts
from agenttrace.showing.wording import failure_type_word, length, seconds, status_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.v1.failure_pb2 import FailureDetail
    from agenttrace.v1.query_service_pb2 import GetRunResponse
    from agenttrace_server.console.catalogue import Catalogue
    from agenttrace_server.console.waterfall import Row, Timeline

# A chain of causes longer than this is told by its ends.
_MOST_LINKS = 6


@dataclass(frozen=True, slots=True)
class RootCause:
    """What stands at the head of a run's page.

    Attributes:
        root: The root failure, None where every failure was recovered or there is none.
        title: What happened, from the catalogue.
        remedy: What to do about it, from the catalogue.
        row: The row of the step that failed, None for a failure of the run as a whole.
        offset: How long after the start it happened.
        facts: What else is known of it.
        led_to: The failures that it caused, one after the other.
        every_attempt: Whether every attempt at the step failed, and there were several.
        others: How many other failures were not recovered, and are not among these.
        recovered: How many failures were recovered.
        verdict: What to say where there is no root failure; empty where all is well.
    """

    root: FailureDetail | None
    title: str
    remedy: str
    row: Row | None
    offset: str
    facts: Sequence[str]
    led_to: Sequence[FailureDetail]
    every_attempt: bool
    others: int
    recovered: int
    verdict: str


def root_cause(detail: GetRunResponse, timeline: Timeline, catalogue: Catalogue) -> RootCause:
    """Return why a run failed."""
    root = next((failure for failure in detail.failures if failure.root), None)
    recovered = sum(failure.recovered for failure in detail.failures)
    place = timeline.row_of(root.failure.step_id) if root else None
    row = None if place is None else timeline.rows[place]
    same = _of_same_work(root, row) if root else []
    led_to = _led_to(same, detail.failures)
    others = len(detail.failures) - recovered - len(same) - len(led_to)
    kind, code = (failure_type_word(root.failure.type), root.failure.code) if root else ("", "")
    return RootCause(
        root=root,
        title=catalogue.title(kind, code),
        remedy=catalogue.remedy(kind, code),
        row=row,
        every_attempt=row is not None and row.attempt_count > 1 and all(it.failed for it in row.attempts),
        offset=_offset(root, timeline) if root else "",
        facts=tuple(failure_facts(root.failure)) if root else (),
        led_to=led_to[:_MOST_LINKS],
        others=others + max(0, len(led_to) - _MOST_LINKS),
        recovered=recovered,
        verdict="" if root else _verdict(status_word(detail.run.run.status)),
    )


def _of_same_work(root: FailureDetail, row: Row | None) -> list[FailureDetail]:
    """Return the root failure, and those of the other attempts at the same step, which are no others."""
    attempts = [it for attempt in row.attempts for it in attempt.failures if not it.recovered] if row else []
    return attempts or [root]


def _led_to(causes: Sequence[FailureDetail], failures: Sequence[FailureDetail]) -> list[FailureDetail]:
    """Return the failures that these caused, those that the former caused, and so on."""
    known = {it.failure.failure_id for it in causes}
    found: list[FailureDetail] = []
    # Each pass finds at least one more, or was the last.
    while new := [
        it for it in failures if it.failure.caused_by_failure_id in known and it.failure.failure_id not in known
    ]:
        known |= {it.failure.failure_id for it in new}
        found += new
    return found


def _offset(root: FailureDetail, timeline: Timeline) -> str:
    return length(max(0.0, seconds(root.failure.occur_time) - timeline.start))


def _verdict(status: str) -> str:
    if status == "abandoned":
        return "Nothing was received of it for its lease: its process may have died after the last step."
    if status in {"failure", "partial"}:
        return "The agent recorded no failure that stayed: the last steps are where to look."
    return ""
