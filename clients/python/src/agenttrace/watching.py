"""How runs are watched: the part that does no input or output."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agenttrace.listing import Call, Resumption
from agenttrace.v1 import query_service_pb2 as query

if TYPE_CHECKING:
    from agenttrace.errors import CallError
    from agenttrace.v1.run_pb2 import RunSummary

RECONNECT_SECONDS = 0.1

_LOG = logging.getLogger("agenttrace")
_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """Runs that changed, as they are now; none in a checkpoint.

    Attributes:
        runs: The runs.
        resume_token: A watch that is given it goes on after this event.
    """

    runs: list[RunSummary]
    resume_token: str


class WatchProgress:
    """One watch over as many streams as it takes: knows where it goes on and what it has told."""

    def __init__(self, request: query.WatchRunsRequest) -> None:
        self.call = Call("WatchRuns", request, query.WatchRunsResponse)
        # A watch has no end: once it stood, it waits for its server as long as that takes.
        self._resumption = Resumption(most_tries=float("inf"))
        self._told = Told()

    def take(self, message: query.WatchRunsResponse) -> WatchEvent:
        """Return what a message tells that was not told before, and note where the watch goes on."""
        self._resumption.progressed()
        request = self.call.request
        request.resume_token = message.resume_token or request.resume_token
        return WatchEvent([run for run in message.runs if self._told.is_news(run)], request.resume_token)

    def delay_seconds(self, error: CallError) -> float:
        """Return how long to wait before the stream is opened again, or raise the error."""
        seconds = self._resumption.delay_seconds(error)
        if self._resumption.tries == 1:
            _LOG.warning("agenttrace: the watch broke off (%s); trying again", error.reason or error.status)
        return seconds


class Told:
    """What was last told of each run.

    The server tells each change at least once: after a break it may tell again what was told before.
    """

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._states: dict[str, int] = {}

    def is_news(self, summary: RunSummary) -> bool:
        """Whether a run is not as it was last told; keeps how it is now."""
        state = hash(summary.SerializeToString(deterministic=True))
        # Put at the end anew: the first is then the one that was silent longest.
        known = self._states.pop(summary.run.run_id, None)
        self._states[summary.run.run_id] = state
        if len(self._states) > self._most:
            del self._states[next(iter(self._states))]
        return state != known
