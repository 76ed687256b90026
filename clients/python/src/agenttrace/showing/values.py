"""What people type for times, spans and attributes.

What is not of its form raises InvalidValueError: its text goes on after "… is", and never says what was typed.
"""

from __future__ import annotations

import datetime as dt
import re

from agenttrace.errors import InvalidValueError

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|[smhdw])", re.ASCII)


def moment(text: str) -> dt.datetime | dt.timedelta:
    """Return a time: how long ago, such as 90s, 30m, 24h, 7d, 2w, or a date and time in ISO 8601, UTC unless told."""
    ago = _AGO.fullmatch(text)
    if ago:
        passed = dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        _before(dt.datetime.now(dt.UTC), passed)
        return passed
    try:
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo else time.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise InvalidValueError("neither a time like 2026-01-31T12:00 nor a span like 24h or 7d") from None


def moment_before(text: str, now: dt.datetime) -> dt.datetime:
    """Return a time as `moment` does; what is told as how long ago is counted back from `now`."""
    told = moment(text)
    return told if isinstance(told, dt.datetime) else _before(now, told)


def span(text: str) -> dt.timedelta:
    """Return a length of time, such as 200ms, 1.5s or 10m."""
    told = _SPAN.fullmatch(text)
    if told is None:
        raise InvalidValueError("no length of time like 200ms, 1.5s, 10m or 2h")
    try:
        return dt.timedelta(**{_UNITS[told[2]]: float(told[1])})
    except OverflowError:
        raise InvalidValueError("longer than can be told") from None


def attribute(text: str) -> tuple[str, bool | int | float | str]:
    """Return a key and its value: true and false, numbers, else a token."""
    key, equals, told = text.partition("=")
    if not key or not equals:
        raise InvalidValueError("not of the form key=value")
    if told in {"true", "false"}:
        return key, told == "true"
    for kind in (int, float):
        try:
            return key, kind(told)
        except ValueError:
            pass
    return key, told


def _before(now: dt.datetime, passed: dt.timedelta) -> dt.datetime:
    try:
        return now - passed
    except OverflowError:
        raise InvalidValueError("longer ago than years are counted") from None
