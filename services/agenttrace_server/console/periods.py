"""Periods of time as addresses tell them: the last hours or days, or from one time to another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from agenttrace import InvalidValueError
from agenttrace.showing.values import moment_before
from agenttrace_server.console.asked import naming
from agenttrace_server.console.pages import url
from agenttrace_server.console.wording import iso

CHOICES = ("1h", "6h", "24h", "7d", "30d")
_MINUTE, _HOUR, _DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
_WIDTHS = (
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
    *(_DAY * count for count in (1, 2, 7, 14, 28)),
)
_MOST_BUCKETS = 48


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time.

    Attributes:
        start: Its first instant.
        end: The first instant after it.
        parameters: How an address tells it again, `since` and perhaps `until`.
    """

    start: dt.datetime
    end: dt.datetime
    parameters: Mapping[str, str]

    @property
    def length(self) -> dt.timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def before(self) -> Period:
        """The period of the same length before it."""
        start = self.start - self.length
        return Period(start, self.start, fixed(start, self.start))

    @property
    def bucket(self) -> dt.timedelta:
        """A width of buckets that makes a readable chart of it."""
        return next((width for width in _WIDTHS if self.length / width <= _MOST_BUCKETS), _WIDTHS[-1])

    def buckets(self, width: dt.timedelta) -> list[dt.datetime]:
        """Return the starts of its buckets as the query service makes them: multiples of the width since 1970."""
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        first = epoch + (self.start - epoch) // width * width
        return [first + width * index for index in range(-(-(self.end - first) // width))]


def choices(path: str, rest: Mapping[str, str], told: Period) -> list[tuple[str, str, bool]]:
    """Return the periods that a page offers: their names, their addresses, and whether each is the one shown."""
    return [(name, url(path, rest, {"since": name}), told.parameters == {"since": name}) for name in CHOICES]


def fixed(start: dt.datetime, end: dt.datetime) -> dict[str, str]:
    """Return how an address tells a span of time that does not move on with the clock."""
    return {"since": _exact(start), "until": _exact(end)}


def period(parameters: Mapping[str, str], *, default: str = "24h") -> Period:
    """Return the period that an address tells with `since` and `until`; raise InvalidValueError for what is none."""
    now = dt.datetime.now(dt.UTC)
    told = {name: parameters[name] for name in ("since", "until") if parameters.get(name)}
    with naming("until"):
        end = moment_before(told["until"], now) if "until" in told else now
    with naming("since"):
        start = moment_before(told.get("since", default), end)
    if start >= end:
        raise InvalidValueError("since must be before until")
    return Period(start, end, told or {"since": default})


def _exact(time: dt.datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z") if time.microsecond else iso(time)
