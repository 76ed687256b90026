"""Caps how many distinct names a project has: a name made of an id or a value would be a new one with every item.

Counted in this process and from its start, by the names of items that were read here: a backstop for dashboards and
rollups, whose size goes with the number of names. An item with a name too many is refused; the names known before
go on to be accepted.
"""

from __future__ import annotations

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server.ingest import encode
from agenttrace_server.ingest.names import Names
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow, RunMessage

# Names of all projects together: some 50 MB. Beyond it all of them begin to count anew.
_MAX_KNOWN = 200_000
_PROJECTS_AT_THEIR_CAP = 10


class Capped:
    """Encodes a project's items, refusing names beyond its cap."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def run_row(self, run: run_pb2.Run, period: Period, refused: list[Refusal]) -> RunMessage:
        """Return a run message. Raises Refusal."""
        return encode.run_row(run, period, refused, self.names)

    def step_row(self, step: step_pb2.Step, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a step's row. Raises Refusal."""
        return encode.step_row(step, period, refused, self.names)

    def failure_row(self, failure: failure_pb2.Failure, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a failure's row; it has none of these names. Raises Refusal."""
        return encode.failure_row(failure, period, refused)


class NameCaps:
    """The names of every project. `most`: of one field in one project; 0: any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._budget = max(_MAX_KNOWN, most * _PROJECTS_AT_THEIR_CAP)
        self._known_count = 0
        self._projects: dict[int, Capped] = {}

    def encoder(self, project_id: int) -> Capped:
        """Return what turns a project's items into rows."""
        capped = self._projects.get(project_id)
        if capped is None:
            capped = self._projects[project_id] = Capped(Names.at_most(self._most, self._count))
        return capped

    def _count(self) -> None:
        """Count a new name."""
        self._known_count += 1
        if self._known_count > self._budget:
            self._known_count = 1
            for capped in self._projects.values():
                capped.names.forget()
