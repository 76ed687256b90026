"""Flags to filters, and a part of an id to the whole."""

from __future__ import annotations

import datetime as dt
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from agenttrace import limits
from agenttrace.errors import InvalidValueError, NotFoundError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from agenttrace.client import QueryClient
    from agenttrace.filters import FailureFilters, RunFilters

_SEARCHED_RUNS = 1_000
# Digits of a UUIDv7 that narrow the time of its making to a minute.
_ENOUGH_DIGITS = 8
_TIME_DIGITS = 12
_SLACK = dt.timedelta(minutes=5)
_YEARS = (2020, 2200)

_SCOPE = {"agent": "agent_id", "agent_version": "agent_version", "environment": "environment"}
_TIMES = {"since": "since", "until": "until"}
_RUN_FLAGS = (
    _SCOPE
    | _TIMES
    | {
        "status": "status",
        "failure_type": "failure_type",
        "failure_code": "failure_code",
        "tag": "tags",
        "session": "session_id",
        "user_key": "user_key",
        "parent_run": "parent_run_id",
        "min_duration": "min_duration",
        "max_duration": "max_duration",
        "has_retries": "has_retries",
        "incomplete": "incomplete",
    }
)
_FAILURE_FLAGS = _SCOPE | _TIMES | {"type": "type", "code": "code"}


def run_filters(options: Namespace) -> RunFilters:
    """Return the filters that the flags tell."""
    filters: Any = _told(options, _RUN_FLAGS)
    if options.attribute:
        filters["attributes"] = dict(options.attribute)
    found: RunFilters = filters
    return found


def failure_filters(options: Namespace) -> FailureFilters:
    """Return the filters that the flags tell."""
    filters: Any = _told(options, _FAILURE_FLAGS)
    if options.unrecovered:
        filters["recovered"] = False
    found: FailureFilters = filters
    return found


def whole_id(client: QueryClient, told: str) -> str:
    """Return the whole id of a run of which the start or end is told.

    Raises:
        NotFoundError: None has it, or several have.
        InvalidValueError: It is no part of an id.
    """
    part = told.lower()
    if limits.UUID.fullmatch(part):
        return part
    if not re.fullmatch(r"[0-9a-f-]{2,36}", part):
        raise InvalidValueError("a run's id, or its start or end, has hex digits and dashes only")
    found = _among(_made_about_then(client, part), part) or _among(_newest(client), part)
    if len(found) != 1:
        raise NotFoundError(_not_one(found, told))
    return found[0]


def _among(run_ids: Iterator[str], part: str) -> list[str]:
    return list(islice((run_id for run_id in run_ids if run_id.startswith(part) or run_id.endswith(part)), 4))


def _newest(client: QueryClient) -> Iterator[str]:
    return (found.run.run_id for found in client.runs(limit=_SEARCHED_RUNS))


def _made_about_then(client: QueryClient, part: str) -> Iterator[str]:
    """Yield the runs that started when an id with this start was made: a UUIDv7 begins with its time."""
    digits = part.replace("-", "")[:_TIME_DIGITS]
    earliest, latest = (int(digits.ljust(_TIME_DIGITS, fill), 16) / 1000 for fill in "0f")
    bounds = [dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() for year in _YEARS]
    if len(digits) < _ENOUGH_DIGITS or not bounds[0] <= earliest <= bounds[1]:
        return
    since = dt.datetime.fromtimestamp(earliest, dt.UTC) - _SLACK
    until = dt.datetime.fromtimestamp(latest, dt.UTC) + _SLACK
    yield from (found.run.run_id for found in client.runs(since=since, until=until))


def _not_one(found: list[str], told: str) -> str:
    if not found:
        return f"no run of that time, nor of the newest {_SEARCHED_RUNS:,}, has an id that starts or ends with {told}"
    shown = "".join(f"\n  {run_id}" for run_id in found[:3]) + ("\n  …" if len(found) > 3 else "")
    return f"several runs have an id that starts or ends with {told}:{shown}"


def _told(options: Namespace, flags: dict[str, str]) -> Any:
    told = ((name, getattr(options, flag)) for flag, name in flags.items())
    return {name: value for name, value in told if value is not None}
