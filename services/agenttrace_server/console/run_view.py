"""What of a run its page shows: read from the address, and written into the addresses of its links."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agenttrace import InvalidValueError
from agenttrace_server.console.pages import url

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The part of a run that is looked at. Without anything told: all of it.

    Attributes:
        since: Where the timeline begins, in milliseconds after the run's start.
        until: Where it ends.
        under: The step whose row is shown with what is nested in it, and nothing else.
        row: The number of the first row, where there are more than a page holds.
        step: The step whose details are shown.
        table: Whether the steps are shown as a table of all that is known of them.
        failure: The number of the first failure in the table of failures.
    """

    since: float | None = None
    until: float | None = None
    under: str = ""
    row: int | None = None
    step: str = ""
    table: bool = False
    failure: int = 0

    def link(self, fragment: str = "timeline", **changes: Any) -> str:
        """Return the address of the same page with another view of the run."""
        view = replace(self, **changes)
        parameters = {
            "since": _spelt(view.since),
            "until": _spelt(view.until),
            "under": view.under,
            "row": "" if view.row is None else view.row,
            "step": view.step,
            "as": "table" if view.table else "",
            "failure": view.failure or "",
        }
        return (url("", parameters) or "?") + f"#{fragment}"


def from_parameters(told: Mapping[str, str]) -> RunView:
    """Return the view that an address asks for; raise InvalidValueError for what is no number."""
    since, until = _milliseconds(told, "since"), _milliseconds(told, "until")
    if since is not None and until is not None and since >= until:
        raise InvalidValueError("until must be after since")
    return RunView(
        since=since,
        until=until,
        under=told.get("under", ""),
        row=_number(told, "row"),
        step=told.get("step", ""),
        table=told.get("as") == "table",
        failure=_number(told, "failure") or 0,
    )


def _milliseconds(told: Mapping[str, str], name: str) -> float | None:
    if not told.get(name):
        return None
    try:
        number = float(told[name])
    except ValueError:
        number = math.nan
    if not 0 <= number < 1e12:
        raise InvalidValueError(f"{name} is no number of milliseconds after the start of the run")
    return number


def _number(told: Mapping[str, str], name: str) -> int | None:
    if not told.get(name):
        return None
    if not (told[name].isascii() and told[name].isdecimal() and len(told[name]) <= 6):
        raise InvalidValueError(f"{name} is no number from 0 on")
    return int(told[name])


def _spelt(milliseconds: float | None) -> str:
    # Microseconds are what the contract keeps of a time.
    return "" if milliseconds is None else f"{milliseconds:.3f}".rstrip("0").rstrip(".")
