"""Checks one value of an item against the limits; a value is taken as it is or refused whole, never cut."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace_server import limits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The first second of year 1 and the last of year 9999, which is what both protobuf and datetime can hold.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class Refusal(Exception):
    """A value is refused. Reason and field are names of RejectionReason and RejectionField."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason, field)
        self.reason = reason
        self.field = field


class Period(NamedTuple):
    """The times that are accepted: not older than the retention, not too far in the future."""

    first: datetime
    last: datetime

    @classmethod
    def around(cls, now: datetime, retention: timedelta) -> Period:
        """Return what is accepted at `now`."""
        return cls(now - retention, now + timedelta(seconds=limits.FUTURE_SECONDS))


def token(value: str, field: str) -> str | None:
    """Return an optional token, None where it is empty."""
    return required_token(value, field) if value else None


def required_token(value: str, field: str) -> str:
    """Return a token."""
    if limits.TOKEN.fullmatch(value):
        return value
    raise Refusal(_token_reason(value), field)


def _token_reason(value: str) -> str:
    if not value:
        return "REQUIRED"
    # A head that is a token says that only the length is wrong.
    return "TOO_LONG" if len(value) > 128 and limits.TOKEN.fullmatch(value[:128]) else "INVALID_TOKEN"


def uuid(value: str, field: str) -> str | None:
    """Return an optional id, None where it is empty."""
    return required_uuid(value, field) if value else None


def required_uuid(value: str, field: str) -> str:
    """Return an id."""
    if limits.UUID.fullmatch(value):
        return value
    raise Refusal("INVALID_UUID" if value else "REQUIRED", field)


def user_key(value: str) -> str | None:
    """Return an optional user key, None where it is empty."""
    if not value or limits.USER_KEY.fullmatch(value):
        return value or None
    raise Refusal("INVALID_TOKEN", "USER_KEY")


def number(value: int, field: str, *, least: int = 0, most: int = limits.COUNT_MAX) -> int:
    """Return a number within its range."""
    if least <= value <= most:
        return value
    raise Refusal("OUT_OF_RANGE", field)


def time(value: Timestamp, period: Period, field: str) -> datetime:
    """Return a time, to the microsecond, that lies within the accepted period."""
    if not (_FIRST_SECOND <= value.seconds <= _LAST_SECOND and 0 <= value.nanos < 1_000_000_000):
        raise Refusal("INVALID_TIME", field)
    moment = _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    if moment < period.first:
        raise Refusal("TOO_OLD", field)
    if moment > period.last:
        raise Refusal("IN_FUTURE", field)
    return moment


def duration(value: Duration, field: str, *, least_seconds: int, most_seconds: int) -> timedelta:
    """Return a duration within its range, to the microsecond."""
    if not 0 <= value.nanos < 1_000_000_000:
        raise Refusal("OUT_OF_RANGE" if value.nanos < 0 else "INVALID_TIME", field)
    # Compared before it is made: a timedelta can not hold every int64 of seconds.
    if not least_seconds <= value.seconds <= most_seconds or (value.seconds == most_seconds and value.nanos):
        raise Refusal("OUT_OF_RANGE", field)
    return timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)


def attribute_key(key: str, field: str) -> str:
    """Return a key of an attribute."""
    if limits.ATTRIBUTE_KEY.fullmatch(key):
        return key
    raise Refusal("INVALID_KEY", field)


def attribute_string(key: str, value: str, field: str) -> str:
    """Return a string attribute's value as JSON."""
    if limits.is_content_key(key):
        raise Refusal("CONTENT_KEY", field)
    # A token holds no character that JSON escapes.
    return f'"{required_token(value, field)}"'


def attribute_double(value: float, field: str) -> str:
    """Return a double as JSON, always with a point: so it is read as a double again."""
    if not math.isfinite(value):
        raise Refusal("NOT_FINITE", field)
    return f"{value:.1f}" if value.is_integer() else repr(value)
