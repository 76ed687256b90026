"""Converts single fields: times, durations and enums, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace_server import limits
from agenttrace_server.query.violations import Violations

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS_PER_MICRO = 1000
_TIME = "must be a time in the years 1 to 9999"
_DURATION = "must be a duration of 0 to 10,000 years"
_DURATION_SECONDS_MAX = 315_576_000_000


class Enum:
    """An enum of the contract, and how its values are stored: by name, without the prefix."""

    def __init__(self, wrapper: EnumTypeWrapper, prefix: str) -> None:
        self._stored = {number: name.removeprefix(prefix) for name, number in wrapper.items() if number}
        self._numbers = {name: number for number, name in self._stored.items()}

    def stored(self, path: str, numbers: Sequence[int], violations: Violations) -> tuple[str, ...]:
        """Return the stored spelling of a filter's values."""
        if len(numbers) > limits.FILTER_VALUES:
            violations.add(path, f"must have at most {limits.FILTER_VALUES} values")
            return ()
        for index, number in enumerate(numbers):
            if number not in self._stored:
                violations.add(f"{path}[{index}]", "must be a value of the enum other than UNSPECIFIED")
                return ()
        return tuple(dict.fromkeys(self._stored[number] for number in numbers))

    def one(self, path: str, number: int, violations: Violations) -> str | None:
        """Return the stored spelling of a value, None for the unspecified one."""
        if number and number not in self._stored:
            violations.add(path, "must be a value of the enum")
        return self._stored.get(number)

    def number(self, stored: str | None) -> Any:
        """Return the value of a stored spelling, the unspecified one for None."""
        return self._numbers.get(stored or "", 0)


def time_from_message(path: str, message: Timestamp, violations: Violations) -> datetime | None:
    """Return the first stored instant that is not before a time: we keep microseconds, it has nanoseconds."""
    if 0 <= message.nanos < 10**9:
        with suppress(OverflowError):
            return _EPOCH + timedelta(seconds=message.seconds, microseconds=-(-message.nanos // _NANOS_PER_MICRO))
    violations.add(path, _TIME)
    return None


def duration_from_message(path: str, message: Duration, violations: Violations, *, up: bool) -> timedelta | None:
    """Return a duration in whole microseconds, rounded up or down."""
    if not (0 <= message.seconds <= _DURATION_SECONDS_MAX and 0 <= message.nanos < 10**9):
        violations.add(path, _DURATION)
        return None
    micros = -(-message.nanos // _NANOS_PER_MICRO) if up else message.nanos // _NANOS_PER_MICRO
    return timedelta(seconds=message.seconds, microseconds=micros)


def time_to_message(value: datetime | None) -> Timestamp | None:
    """Return a time as a message, None where there is none."""
    if value is None:
        return None
    message = Timestamp()
    fill_time(value, message)
    return message


def fill_time(value: datetime, message: Timestamp) -> None:
    """Tell a time in an empty message."""
    since = value - _EPOCH
    message.seconds = since.days * 86400 + since.seconds
    message.nanos = since.microseconds * _NANOS_PER_MICRO


def duration_to_message(value: timedelta | None) -> Duration | None:
    """Return a duration of 0 or more as a message, None where there is none."""
    if value is None:
        return None
    return Duration(seconds=value.days * 86400 + value.seconds, nanos=value.microseconds * _NANOS_PER_MICRO)
