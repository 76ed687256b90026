"""Values of flags: times, spans, counts and attributes."""

from __future__ import annotations

import argparse
import datetime as dt
import re

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> dt.datetime | dt.timedelta:
    """Return a time: how long ago, such as 90s, 30m, 24h, 7d, 2w, or a date and time in ISO 8601."""
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if ago:
        return dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("neither a time like 2026-01-31T12:00 nor a span like 24h or 7d") from None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def span(text: str) -> dt.timedelta:
    """Return a length of time, such as 200ms, 1.5s or 10m."""
    told = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(ms|[smhdw])", text)
    if told is None:
        raise argparse.ArgumentTypeError("not a length of time like 200ms, 1.5s, 10m or 2h")
    return dt.timedelta(**{_UNITS[told[2]]: float(told[1])})


def positive(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("not a whole number from 1 on")
    return int(text)


def count(text: str) -> int:
    """Return a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("not a whole number from 0 on")
    return int(text)


def attribute(text: str) -> tuple[str, bool | int | float | str]:
    """Return a key and its value: true and false, numbers, else a token."""
    key, equals, told = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError("not of the form KEY=VALUE")
    if told in {"true", "false"}:
        return key, told == "true"
    for kind in (int, float):
        try:
            return key, kind(told)
        except ValueError:
            pass
    return key, told
