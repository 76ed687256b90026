"""The tracer: opens the runs of one agent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self, TypedDict, Unpack, overload

from agenttrace import limits, sigterm
from agenttrace.classify import Classifier, Code
from agenttrace.convert import set_attribute
from agenttrace.decorating import Decorated, decorate
from agenttrace.disabled import silent_run
from agenttrace.errors import InvalidTokenError, InvalidValueError
from agenttrace.exporter import DEFAULT_ENDPOINT, Exporter
from agenttrace.forms import is_token
from agenttrace.guard import Guard
from agenttrace.heartbeats import LEASE_SECONDS
from agenttrace.ids import new_id, uuid_number, uuid_text
from agenttrace.runs import Origin, Run
from agenttrace.scope import current_run
from agenttrace.times import duration, nanoseconds
from agenttrace.v1 import run_pb2

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from agenttrace.forms import Attribute
    from agenttrace.receipt import Receipt


class RunFacts(TypedDict, total=False):
    """What is known of a run when it starts. All is optional.

    A name that is no token, or an attribute that may not be stored, is left out and counted.
    """

    session_id: str
    """The conversation, ticket or job it belongs to: a token."""
    user_key: str
    """The user it serves, as `agenttrace.user_key()` makes it: never an id."""
    tags: Iterable[str]
    """Labels: at most 32 tokens."""
    attributes: Mapping[str, Attribute]
    """Facts under keys, as Step.set."""
    parent: Run | str
    """The run that starts this one, or its id; the current run when left out, "" for none."""
    run_id: str
    """The run's own id, where a replay has one: a canonical UUID."""
    start_time: dt.datetime
    """When it started, where that is not now: aware."""
    lease_seconds: float
    """How long the server waits for a sign of life before it takes the run for abandoned: 60 to 604,800,
    300 when left out. An open run beats every 60 s by itself; longer is for one that pauses without its
    process."""


class Tracer:
    """Opens runs of one agent and delivers what is recorded in them.

    Args:
        agent_id: The agent: a token.
        agent_version: Its version: a token.
        environment: Where it runs: a token; the server reads none as "production".
        endpoint: The ingest service as `host:port`; AGENTTRACE_ENDPOINT, else 127.0.0.1:50051.
            Loopback is plaintext, everything else TLS; `http://host:port` is plaintext anywhere.
        api_key: The key; AGENTTRACE_API_KEY, else none.
        classify: Codes of failures by exception class or name of class, before the table of
            docs/exception-codes.md; a function takes the exception and returns its code, or "" for
            the table's.
        exporter: Takes what is recorded instead of one of its own.
        spool_directory: Where what is not acknowledged outlives the process; several may share it.
            AGENTTRACE_SPOOL_DIRECTORY, else none.

    With AGENTTRACE_DISABLED=1 it does nothing. Where nobody handles SIGTERM it does, to deliver what waits
    before the process ends; see agenttrace.sigterm.

    Raises:
        InvalidTokenError: A name or code is no token.
    """

    def __init__(
        self,
        agent_id: str,
        agent_version: str = "",
        environment: str = "",
        *,
        endpoint: str | None = None,
        api_key: str | None = None,
        classify: Mapping[str | type[BaseException], Code] | None = None,
        exporter: Exporter | None = None,
        spool_directory: str | Path | None = None,
    ) -> None:
        _require_token("agent_id", agent_id)
        _require_token("agent_version", agent_version, optional=True)
        _require_token("environment", environment, optional=True)
        self._agent = run_pb2.Run(agent_id=agent_id, agent_version=agent_version, environment=environment)
        self._disabled = os.environ.get("AGENTTRACE_DISABLED", "").lower() in {"1", "true", "yes", "on"}
        spool_directory = spool_directory or os.environ.get("AGENTTRACE_SPOOL_DIRECTORY")
        self.exporter = exporter or Exporter(
            endpoint=endpoint or os.environ.get("AGENTTRACE_ENDPOINT") or DEFAULT_ENDPOINT,
            api_key=os.environ.get("AGENTTRACE_API_KEY", "") if api_key is None else api_key,
            spool_directory=None if self._disabled else spool_directory,
        )
        self._guard = Guard(self.exporter.ledger, self.exporter.notices)
        self._origin = Origin(self.exporter, self._guard, Classifier(classify))
        if not self._disabled:
            sigterm.install()

    @overload
    def run(self, function: Decorated, /) -> Decorated: ...
    @overload
    def run(self, /, **facts: Unpack[RunFacts]) -> Run: ...
    def run(self, function: Decorated | None = None, /, **facts: Unpack[RunFacts]) -> Run | Decorated:
        """Return a run, to be entered or to decorate a function; `@tracer.run` alone decorates, too.

        Raises:
            InvalidValueError: run_id or parent is no UUID, start_time has no zone, or lease_seconds is
                out of its range.
        """
        if function is not None:
            return decorate(function, self._open)
        return self._open(**facts)

    def flush(self, timeout_seconds: float = 10.0) -> Receipt:
        """Wait until everything recorded so far is acknowledged, or for the timeout; return the receipt."""
        return self.exporter.flush(timeout_seconds)

    def close(self, timeout_seconds: float = 5.0) -> Receipt:
        """Deliver what waits, for at most so many seconds, and stop; return the receipt.

        The exit of the process does it, too. Closing again does nothing.
        """
        return self.exporter.close(timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, **facts: Unpack[RunFacts]) -> Run:
        if self._disabled:
            return silent_run()
        start_ns = nanoseconds("start_time", facts["start_time"]) if "start_time" in facts else 0
        return Run(self._origin, self._first_message(facts), start_ns, lambda: self._open_another(facts))

    def _open_another(self, facts: RunFacts) -> Run:
        """Open a run like an earlier one: another call of a function that was decorated with it."""
        again = facts.copy()
        again.pop("run_id", None)
        again.pop("start_time", None)
        return self._open(**again)

    def _first_message(self, facts: RunFacts) -> run_pb2.Run:
        message = run_pb2.Run(
            run_id=uuid_text(uuid_number("run_id", facts.get("run_id", "")) or new_id()),
            session_id=self._guard.optional_name("session_id", facts.get("session_id", "")),
            user_key=self._guard.user_key(facts.get("user_key", "")),
            parent_run_id=_parent_id(facts.get("parent")),
            tags=self._guard.names("tag", facts.get("tags", ()), limits.TAGS),
            lease_duration=duration(_lease_seconds(facts)),
        )
        message.MergeFrom(self._agent)
        attributes: dict[str, Attribute] = {}
        self._guard.attributes(facts.get("attributes", {}), attributes)
        for key, value in attributes.items():
            set_attribute(message.attributes[key], value)
        return message


def _parent_id(parent: Run | str | None) -> str:
    """Return the id of the run that starts another."""
    run = current_run() if parent is None else parent
    if isinstance(run, Run):
        return run.run_id
    return uuid_text(uuid_number("parent", run or ""))


def _lease_seconds(facts: RunFacts) -> float:
    seconds = facts.get("lease_seconds", LEASE_SECONDS)
    if not limits.LEASE_SECONDS_MIN <= seconds <= limits.LEASE_SECONDS_MAX:
        raise InvalidValueError("lease_seconds is not from 60 to 604,800")
    return seconds


def _require_token(argument: str, name: str, *, optional: bool = False) -> None:
    if not is_token(name) and not (optional and name == ""):
        raise InvalidTokenError(f"{argument} is no token: letters, digits and ._:/@+|-, no space, at most 128")
