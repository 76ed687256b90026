"""Times: nanoseconds since 1970 inside, aware datetimes at the surface, timestamps on the wire."""

import datetime as dt

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.errors import InvalidValueError

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def nanoseconds(argument: str, time: dt.datetime) -> int:
    """Return an aware datetime as nanoseconds since 1970; a naive one raises InvalidValueError."""
    if time.tzinfo is None:
        raise InvalidValueError(f"{argument} has no time zone: use datetime.now(datetime.UTC) or the like")
    # Whole numbers: a float of today's nanoseconds is off by hundreds of them.
    return (time - _EPOCH) // _MICROSECOND * 1_000


def timestamp(time_ns: int) -> Timestamp:
    """Return nanoseconds since 1970 as a timestamp."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def timestamp_of(argument: str, time: dt.datetime) -> Timestamp:
    """Return an aware datetime as a timestamp; a naive one raises InvalidValueError."""
    return timestamp(nanoseconds(argument, time))


def duration(seconds: float) -> Duration:
    """Return seconds as a duration."""
    whole, nanos = divmod(round(seconds * 1_000_000_000), 1_000_000_000)
    return Duration(seconds=whole, nanos=nanos)
