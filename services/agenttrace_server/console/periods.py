"""Periods of time as addresses tell them: the last hours or days, or from one time to another."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agenttrace import InvalidValueError
from agenttrace_server.console.wording import iso

CHOICES = ("1h", "6h", "24h", "7d", "30d")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
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


def fixed(start: dt.datetime, end: dt.datetime) -> dict[str, str]:
    """Return how an address tells a span of time that does not move on with the clock."""
    return {"since": _exact(start), "until": _exact(end)}


def period(parameters: Mapping[str, str], *, default: str = "24h") -> Period:
    """Return the period that an address tells with `since` and `until`; raise InvalidValueError for what is none."""
    now = dt.datetime.now(dt.UTC)
    told = {name: parameters[name] for name in ("since", "until") if parameters.get(name)}
    end = moment("until", told["until"], now) if "until" in told else now
    start = moment("since", told.get("since", default), end if "until" in told else now)
    if start >= end:
        raise InvalidValueError("since must be before until")
    return Period(start, end, told or {"since": default})


def moment(name: str, text: str, now: dt.datetime) -> dt.datetime:
    """Return a time: how long before `now`, such as 90s, 30m, 24h, 7d, 2w, or a date and time in ISO 8601, UTC."""
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text, re.ASCII)
    try:
        if ago:
            return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise InvalidValueError(f"{name} is neither a time like 2026-01-31T12:00 nor a span like 24h or 7d") from None


def span(name: str, text: str) -> dt.timedelta:
    """Return a length of time, such as 200ms, 1.5s or 10m; raise InvalidValueError for what is none."""
    told = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s?(ms|[smhdw])", text, re.ASCII)
    if told is None:
        raise InvalidValueError(f"{name} is no length of time like 200ms, 1.5s, 10m or 2h")
    try:
        return dt.timedelta(**{_UNITS[told[2]]: float(told[1])})
    except OverflowError:
        raise InvalidValueError(f"{name} is longer than can be told") from None


def _exact(time: dt.datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z") if time.microsecond else iso(time)
