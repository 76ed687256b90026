"""Which runs an address asks for: its parameters as filters of ListRuns, and as the fields of the form."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from agenttrace import InvalidValueError
from agenttrace.filters import RunFilters
from agenttrace.showing.values import attribute, moment_before, span
from agenttrace_server.console.asked import naming

STATUSES = ("success", "failure", "partial", "running", "cancelled", "abandoned")
FAILURE_TYPES = ("tool", "model", "retrieval", "orchestration")
# Parameter -> filter of the client; several values stand in one field, with spaces or commas between.
LISTS = {
    "agent": "agent_id",
    "version": "agent_version",
    "environment": "environment",
    "status": "status",
    "type": "failure_type",
    "code": "failure_code",
    "tag": "tags",
}
_SINGLE = {"session": "session_id", "user": "user_key", "parent": "parent_run_id"}
_SPANS = {"min_duration": "min_duration", "max_duration": "max_duration"}
_YES_NO = {"retries": "has_retries", "incomplete": "incomplete"}
PARAMETERS = (*LISTS, *_SINGLE, *_SPANS, *_YES_NO, "attribute", "since", "until")
_AT_ONCE = ("agent", "status", "since", "until")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs.

    Attributes:
        told: The values of each parameter, as they were told.
        filters: What they mean to the client.
    """

    told: Mapping[str, tuple[str, ...]]
    filters: RunFilters

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """How an address tells it."""
        return tuple((name, value) for name, values in self.told.items() for value in values)

    def text(self, name: str) -> str:
        """Return what stands in a field of the form."""
        return " ".join(self.told.get(name, ()))

    def has(self, name: str, value: str) -> bool:
        """Whether one value is among those of a parameter."""
        return value in self.told.get(name, ())

    def without(self, name: str, value: str) -> tuple[tuple[str, str], ...]:
        """Return how an address tells the same with one value less."""
        return tuple(pair for pair in self.parameters if pair != (name, value))

    def standing_still(self) -> tuple[tuple[str, str], ...]:
        """Return how an address tells the same at any later time: a page token belongs to times that stand."""
        since = self.filters.get("since")
        if not isinstance(since, dt.datetime):
            return self.parameters
        exact = since.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return (*((name, value) for name, value in self.parameters if name != "since"), ("since", exact))

    @property
    def has_more(self) -> bool:
        """Whether a filter is told that the form does not show at once."""
        return any(name not in _AT_ONCE for name in self.told)


def selection(parameters: QueryParams) -> Selection:
    """Return what an address asks for; raise InvalidValueError for a value that is none."""
    told = {name: values for name in PARAMETERS if (values := _values(name, parameters.getlist(name)))}
    filters: Any = {LISTS[name]: list(values) for name, values in told.items() if name in LISTS}
    filters |= _each(told, _SINGLE, str)
    filters |= _each(told, _SPANS, span)
    filters |= _each(told, _YES_NO, _yes_no)
    now = dt.datetime.now(dt.UTC)
    filters |= _each(told, {"since": "since", "until": "until"}, lambda text: moment_before(text, now))
    if "attribute" in told:
        with naming("attribute"):
            filters["attributes"] = dict(map(attribute, told["attribute"]))
    return Selection(told, filters)


def watched(chosen: Selection) -> RunFilters:
    """Return the filters with which changes are watched.

    Without the status: a run that was RUNNING and has failed would otherwise never leave the page of RUNNING ones.
    """
    kept: Any = {name: value for name, value in chosen.filters.items() if name != "status"}
    filters: RunFilters = kept
    return filters


def _values(name: str, given: list[str]) -> tuple[str, ...]:
    """The values of a parameter, each once; tokens have no spaces or commas in them."""
    parts = [part for text in given for part in re.split(r"[\s,]+", text)]
    found = tuple(dict.fromkeys(part for part in parts if part))
    if name not in LISTS and name != "attribute" and len(found) > 1:
        raise InvalidValueError(f"{name} has one value only")
    return found


def _each(told: Mapping[str, tuple[str, ...]], names: Mapping[str, str], parse: Callable[[str], Any]) -> dict[str, Any]:
    found = {}
    for name, ours in names.items():
        if name in told:
            with naming(name):
                found[ours] = parse(told[name][0])
    return found


def _yes_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise InvalidValueError("yes or no")
    return text == "yes"
