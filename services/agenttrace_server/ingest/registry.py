"""Keeps projects in registry mode to their registered names."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server import limits
from agenttrace_server.errors import Overloaded, StoreUnavailable
from agenttrace_server.ingest import encode
from agenttrace_server.ingest.convert import Encoder
from agenttrace_server.ingest.values import Period, Refusal
from agenttrace_server.records import EncodedRow, RunMessage

Names = Mapping[str, frozenset[str]]
FindNames = Callable[[int], Awaitable[Names | None]]

# Asked again after so long; used no longer than so long, whatever the database does.
REFRESH_SECONDS = 15.0
LIFETIME_SECONDS = 30.0
_RETRY_SECONDS = 1.0

_Field = tuple[str, str, Callable[[Any], str]]
# Kind, field as RejectionField spells it, and what reads it.
_RUN: Final[tuple[_Field, ...]] = (
    ("agent", "AGENT_ID", attrgetter("agent_id")),
    ("version", "AGENT_VERSION", attrgetter("agent_version")),
    ("environment", "ENVIRONMENT", attrgetter("environment")),
)
_STEP: Final[tuple[_Field, ...]] = (
    ("step", "NAME", attrgetter("name")),
    ("provider", "PROVIDER", attrgetter("model.provider")),
    ("model", "REQUEST_MODEL", attrgetter("model.request_model")),
    ("model", "RESPONSE_MODEL", attrgetter("model.response_model")),
    ("finish_reason", "FINISH_REASON", attrgetter("model.finish_reason")),
    ("tool", "TOOL_NAME", attrgetter("tool.name")),
    ("source", "RETRIEVAL_SOURCE", attrgetter("retrieval.source")),
)
_FAILURE: Final[tuple[_Field, ...]] = (
    ("code", "CODE", attrgetter("code")),
    ("exception", "EXCEPTION_TYPE", attrgetter("exception_type")),
)


class Registered:
    """Encodes items, refusing what is not registered; as the functions of `encode` do otherwise."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def run_row(self, run: run_pb2.Run, period: Period, refused: list[Refusal]) -> RunMessage:
        """Return a run message. Raises Refusal."""
        self._leave_out(run.attributes, "RUN_ATTRIBUTES", refused)
        row = encode.run_row(run, period, refused)
        self._require(run, _RUN)
        if not self._names["tag"].issuperset(run.tags):
            raise Refusal("NOT_REGISTERED", "TAGS")
        _require_opaque(run.session_id, "SESSION_ID")
        return row

    def step_row(self, step: step_pb2.Step, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a step's row. Raises Refusal."""
        self._leave_out(step.attributes, "STEP_ATTRIBUTES", refused)
        row = encode.step_row(step, period, refused)
        self._require(step, _STEP)
        _require_opaque(step.tool.call_id, "TOOL_CALL_ID")
        return row

    def failure_row(self, failure: failure_pb2.Failure, period: Period, refused: list[Refusal]) -> EncodedRow:
        """Return a failure's row. Raises Refusal."""
        row = encode.failure_row(failure, period, refused)
        self._require(failure, _FAILURE)
        return row

    def _require(self, item: object, fields: tuple[_Field, ...]) -> None:
        for kind, field, read in fields:
            name = read(item)
            if name and name not in self._names[kind]:
                raise Refusal("NOT_REGISTERED", field)

    def _leave_out(self, attributes: Any, field: str, refused: list[Refusal]) -> None:
        """Take out the attributes whose key is not registered, or whose string is not."""
        keys, values = self._names["attribute"], self._names["value"]
        for key in list(attributes):
            text = attributes[key].string_value
            if key not in keys or (text and text not in values):
                del attributes[key]
                refused.append(Refusal("NOT_REGISTERED", field))


def _require_opaque(value: str, field: str) -> None:
    """Ids are many and made by machines: they have to look so."""
    if value and not limits.OPAQUE_ID.fullmatch(value):
        raise Refusal("NOT_REGISTERED", field)


class _Known(NamedTuple):
    """What was found at a time of the clock, and from when on it is asked again."""

    found_at: float
    ask_from: float
    encoder: Encoder


class Registry:
    """What each project has registered, remembered for a few seconds. `find`: looks a project up.

    `unregistered`: what encodes the items of a project that accepts any names.
    """

    def __init__(
        self,
        find: FindNames,
        clock: Callable[[], float] = time.monotonic,
        unregistered: Callable[[int], Encoder] = lambda _: encode,
    ) -> None:
        self._unregistered = unregistered
        self._find = find
        self._clock = clock
        self._known: dict[int, _Known] = {}

    async def encoder(self, project_id: int) -> Encoder:
        """Return what turns a project's items into rows: one that keeps to its names, or one that accepts any.

        While the database does not answer, what is known goes on to count for its lifetime. Then StoreUnavailable or
        Overloaded is raised: nothing is let in by a list that may have changed.
        """
        now = self._clock()
        known = self._known.get(project_id)
        if known is not None and now < known.ask_from:
            return known.encoder
        if known is not None and now < known.found_at + LIFETIME_SECONDS:
            # One message asks; those that come meanwhile go by what is known.
            self._known[project_id] = known._replace(ask_from=now + _RETRY_SECONDS)
        else:
            known = None
        try:
            names = await self._find(project_id)
        except (StoreUnavailable, Overloaded):
            if known is None:
                raise
            return known.encoder
        encoder = self._unregistered(project_id) if names is None else Registered(names)
        self._known[project_id] = _Known(now, now + REFRESH_SECONDS, encoder)
        return encoder
