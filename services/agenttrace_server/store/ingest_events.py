"""Gathers what a batch did to runs, as ingest_runs() tells it: for the metrics."""

from __future__ import annotations

from collections.abc import Iterable

from agenttrace_server.records import FinishedRun, RunEvents, RunMessage


class Events:
    """What happened to the runs of one batch. `agents`: whose each is, by its id; "" where that is not known."""

    def __init__(self) -> None:
        self.agents: dict[str, str] = {}
        self._started: list[str] = []
        self._finished: list[FinishedRun] = []
        self._corrected_count = 0

    def add_new(self, run_id: str, message: RunMessage | None) -> None:
        """Add a run that is new, with its first message, which may end it; None where only steps touch it."""
        self._started.append(run_id)
        self.agents[run_id] = _text(message.agent_id) if message else ""
        if message and message.end_time is not None:
            seconds = None if message.is_stub else (message.end_time - message.start_time) / 1e6
            self._finished.append(FinishedRun(run_id, _text(message.status), seconds))

    def add_message(self, message: RunMessage, is_first_end: bool | None, seconds: float | None) -> None:
        """Add what a further message of a run did: True: it ended it, False: it corrected how it had ended."""
        if is_first_end:
            self._finished.append(FinishedRun(message.run_id, _text(message.status), seconds))
        elif is_first_end is False:
            self._corrected_count += 1

    def name_agents(self, messages: Iterable[RunMessage]) -> None:
        """Learn the agents of new runs whose first message did not tell it."""
        for message in messages:
            if not self.agents.get(message.run_id):
                self.agents[message.run_id] = _text(message.agent_id)

    def gathered(self) -> RunEvents:
        """Return all of it."""
        return RunEvents(self.agents, self._started, self._finished, self._corrected_count)


def _text(encoded: bytes) -> str:
    """A text as COPY takes it, behind its length; "" of NULL."""
    return encoded[4:].decode()
