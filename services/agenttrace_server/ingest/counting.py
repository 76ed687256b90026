"""Counts what was committed: once, whoever still waits for it."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Final

from agenttrace_server.errors import ServiceError
from agenttrace_server.metrics import DomainMetrics, IngestMetrics
from agenttrace_server.records import ACCEPTED, EncodedRow, Outcome, Verdict

_MICROSECONDS: Final = 1_000_000
_log = logging.getLogger(__name__)


class ProjectNames:
    """The names of projects. `find`: looks one up; it never changes."""

    def __init__(self, find: Callable[[int], Awaitable[str]]) -> None:
        self._find = find
        self._known: dict[int, str] = {}

    async def of(self, project_id: int) -> str:
        """Return a project's name, "" where it can not be found out now."""
        name = self._known.get(project_id, "")
        if not name:
            try:
                name = self._known[project_id] = await self._find(project_id)
            except ServiceError as error:
                _log.warning("project_name_unknown", extra={"project_id": project_id, "reason": error.reason})
        return name


class Counting:
    """What the writer tells of each of its batches."""

    def __init__(self, ingest: IngestMetrics, domain: DomainMetrics, projects: ProjectNames) -> None:
        self._ingest = ingest
        self._domain = domain
        self._projects = projects

    def failed(self, error: Exception) -> None:
        """Count a batch that was not written."""
        self._ingest.count_failed_flush(error)

    async def committed(
        self,
        project_id: int,
        steps: Sequence[EncodedRow],
        failures: Sequence[EncodedRow],
        outcome: Outcome,
        took: float,
    ) -> None:
        """Count a batch; `took`: how many seconds its writing took."""
        project = await self._projects.of(project_id)
        try:
            self._count(project, steps, failures, outcome, took)
        except Exception:
            # What is committed has to be acknowledged, whatever is wrong with its numbers.
            _log.exception("not_counted")

    def _count(
        self, project: str, steps: Sequence[EncodedRow], failures: Sequence[EncodedRow], outcome: Outcome, took: float
    ) -> None:
        ingest, domain, events = self._ingest, self._domain, outcome.events
        ingest.batch_items.observe(len(outcome.runs) + len(outcome.steps) + len(outcome.failures))
        ingest.flush_seconds.observe(took)
        ingest.count_outcome(outcome)
        domain.count_runs(project, events)
        if new_steps := _accepted(steps, outcome.steps):
            domain.count_steps(project, events, new_steps)
        if new_failures := _accepted(failures, outcome.failures):
            domain.count_failures(project, events, new_failures)
        self._count_lag(new_steps, new_failures)

    def _count_lag(self, *kinds: Sequence[EncodedRow]) -> None:
        now = time.time_ns() // 1000
        ends = sorted(map(attrgetter("end"), chain(*kinds)), reverse=True)
        lags = list(map(now.__sub__, ends))
        ahead = bisect_left(lags, 0)
        lags[:ahead] = [0] * ahead
        self._ingest.commit_lag_seconds.observe_sorted(lags, per_unit=_MICROSECONDS)


def _accepted(rows: Sequence[EncodedRow], verdicts: Sequence[Verdict]) -> Sequence[EncodedRow]:
    if verdicts.count(ACCEPTED) == len(rows):
        return rows
    return [row for row, verdict in zip(rows, verdicts, strict=True) if verdict == ACCEPTED]
