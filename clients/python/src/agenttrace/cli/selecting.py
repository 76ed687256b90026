"""Flags to filters, and a part of an id to the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.errors import NotFoundError
from agenttrace.showing.run_search import SEARCHED_RUNS, part_of_id, runs_with

if TYPE_CHECKING:
    from argparse import Namespace

    from agenttrace.client import QueryClient
    from agenttrace.filters import FailureFilters, RunFilters

# Of several runs that fit.
_TOLD_RUNS = 3

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
    part = part_of_id(told)
    if part.is_whole:
        return part.text
    found = [summary.run.run_id for summary in runs_with(client, part, _TOLD_RUNS + 1)]
    if len(found) != 1:
        raise NotFoundError(_not_one(found, told))
    return found[0]


def _not_one(found: list[str], told: str) -> str:
    if not found:
        return f"no run of that time, nor of the newest {SEARCHED_RUNS:,}, has an id that starts or ends with {told}"
    shown = "".join(f"\n  {run_id}" for run_id in found[:_TOLD_RUNS])
    return f"several runs have an id that starts or ends with {told}:{shown}" + "\n  …" * (len(found) > _TOLD_RUNS)


def _told(options: Namespace, flags: dict[str, str]) -> Any:
    told = ((name, getattr(options, flag)) for flag, name in flags.items())
    return {name: value for name, value in told if value is not None}
