"""Checks one value of an item against the limits; a value is taken as it is or refused whole, never cut."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace_server import limits, scanning

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The first second of year 1 and the last of year 9999, which is what protobuf and PostgreSQL agree on.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class Refusal(Exception):
    """A value is refused. Reason and field are names of RejectionReason and RejectionField."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason, field)
        self.reason = reason
        self.field = field


class Period(NamedTuple):
    """The times that are accepted, in microseconds since 1970: within the retention, not far in the future."""

    first: int
    last: int

    @classmethod
    def around(cls, now: datetime, retention: timedelta) -> Period:
        """Return what is accepted at `now`."""
        last = now + timedelta(seconds=limits.FUTURE_SECONDS)
        return cls((now - retention - _EPOCH) // _MICROSECOND, (last - _EPOCH) // _MICROSECOND)


def required_token(value: str, field: str) -> str:
    """Return a token that is not secret or personal by its shape."""
    if not limits.TOKEN.fullmatch(value):
        raise Refusal(_token_reason(value), field)
    if scanning.is_sensitive(value):
        raise Refusal("SENSITIVE_VALUE", field)
    return value


def _token_reason(value: str) -> str:
    if not value:
        return "REQUIRED"
    # A head that is a token says that only the length is wrong.
    return "TOO_LONG" if len(value) > 128 and limits.TOKEN.fullmatch(value[:128]) else "INVALID_TOKEN"


def required_uuid(value: str, field: str) -> str:
    """Return an id."""
    if limits.UUID.fullmatch(value):
        return value
    raise Refusal("INVALID_UUID" if value else "REQUIRED", field)


def user_key(value: str) -> str:
    """Return a user key."""
    if limits.USER_KEY.fullmatch(value):
        return value
    raise Refusal("INVALID_TOKEN", "USER_KEY")


def number(value: int, field: str, *, least: int = 0, most: int = limits.COUNT_MAX) -> int:
    """Return a number within its range."""
    if least <= value <= most:
        return value
    raise Refusal("OUT_OF_RANGE", field)


def microseconds(value: Timestamp, period: Period, field: str) -> int:
    """Return a time within the accepted period, in microseconds since 1970; what is finer is left out."""
    seconds, nanos = value.seconds, value.nanos
    found: int = seconds * 1_000_000 + nanos // 1000
    if period.first <= found <= period.last and 0 <= nanos < 1_000_000_000:
        return found
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 1_000_000_000):
        raise Refusal("INVALID_TIME", field)
    raise Refusal("TOO_OLD" if found < period.first else "IN_FUTURE", field)


def duration(value: Duration, field: str, *, least_seconds: int, most_seconds: int) -> int:
    """Return a duration within its range, in microseconds; what is finer is left out."""
    if not 0 <= value.nanos < 1_000_000_000:
        raise Refusal("OUT_OF_RANGE" if value.nanos < 0 else "INVALID_TIME", field)
    found: int = value.seconds * 1_000_000 + value.nanos // 1000
    if least_seconds <= value.seconds and value.seconds * 1_000_000_000 + value.nanos <= most_seconds * 1_000_000_000:
        return found
    raise Refusal("OUT_OF_RANGE", field)


# The same keys come again and again; a bounded number of them is remembered.
@lru_cache(maxsize=4096)
def key_kind(key: str) -> str:
    """Return why a key of an attribute is refused, "CONTENT_KEY" where it is for strings only, or ""."""
    if not limits.ATTRIBUTE_KEY.fullmatch(key):
        return "INVALID_KEY"
    if scanning.is_sensitive(key):
        return "SENSITIVE_VALUE"
    return "CONTENT_KEY" if limits.is_content_key(key) else ""


def double_json(value: float, field: str) -> str:
    """Return a double as JSON, always with a point: so it is read as a double again."""
    if not math.isfinite(value):
        raise Refusal("NOT_FINITE", field)
    return f"{value:.1f}" if value.is_integer() else repr(value)
