"""How facts are spelt on pages: durations, times (always UTC), counts, tokens, cost, rates and the words of enums."""

from __future__ import annotations

import datetime as dt
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1.failure_pb2 import FailureType
from agenttrace.v1.query_service_pb2 import Percentiles
from agenttrace.v1.run_pb2 import RunStatus, RunSummary
from agenttrace.v1.step_pb2 import StepStatus, StepType

NONE = "-"
STATUS_MARKS = {"success": "✓", "failure": "✗", "partial": "◐", "running": "▶", "cancelled": "■", "abandoned": "?"}
# How much of an id is shown where room is scarce: the time in a UUIDv7, by which `agenttrace run` finds it.
SHORT_ID = 13


def status_word(status: int) -> str:
    """Return a run's status in small letters, such as "failure"."""
    return _word(RunStatus.DESCRIPTOR, status)


def step_type_word(step_type: int) -> str:
    """Return a step's type in small letters."""
    return _word(StepType.DESCRIPTOR, step_type)


def step_status_word(status: int) -> str:
    """Return a step's status in small letters."""
    return _word(StepStatus.DESCRIPTOR, status)


def failure_type_word(failure_type: int) -> str:
    """Return a failure's type in small letters."""
    return _word(FailureType.DESCRIPTOR, failure_type)


def seconds(time: Timestamp | Duration) -> float:
    """Return a time as seconds since 1970, or a length of time in seconds."""
    return time.seconds + time.nanos / 1e9


def length(of_seconds: float | None) -> str:
    """Return a length of time with about three digits; a dash for none."""
    if of_seconds is None:
        return NONE
    if of_seconds < 0.9995:
        return _milliseconds(of_seconds * 1000)
    if of_seconds < 59.95:
        return f"{of_seconds:.2f} s" if of_seconds < 9.995 else f"{of_seconds:.1f} s"
    minutes, rest = divmod(round(of_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"


def took_seconds(summary: RunSummary) -> float | None:
    """Return how long a run took; None where it has not ended."""
    run = summary.run
    return seconds(run.end_time) - seconds(run.start_time) if run.HasField("end_time") else None


def percentile_seconds(durations: Percentiles, name: str) -> float | None:
    """Return one percentile ("p50", "p90", "p95", "p99"); None where there was nothing to measure."""
    return seconds(getattr(durations, name)) if durations.HasField(name) else None


def rate(stats: Any, name: str) -> float | None:
    """Return a rate of statistics, from 0 to 1; None where there was nothing to count."""
    value: float | None = getattr(stats, name) if stats.HasField(name) else None
    return value


def share(of_one: float | None) -> str:
    """Return a rate in per cent; a dash for none."""
    return NONE if of_one is None else f"{of_one * 100:.1f} %"


def number(value: int) -> str:
    """Return a whole number with commas."""
    return f"{value:,}"


def counted(value: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun."""
    return f"{value:,} {noun if value == 1 else nouns or noun + 's'}"


def compact(value: int) -> str:
    """Return a large number in at most five characters, such as 12.3k or 4.56M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if value >= size * 0.9995:
            scaled = value / size
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return str(value)


def dollars(micro_usd: float) -> str:
    """Return a cost; with four decimals where it is less than a dollar."""
    return f"${micro_usd / 1e6:,.4f}" if 0 < abs(micro_usd) < 1_000_000 else f"${micro_usd / 1e6:,.2f}"


def moment(time: Timestamp, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in UTC."""
    return time.ToDatetime().strftime(form)


def iso(time: Timestamp | dt.datetime) -> str:
    """Return a time as machines read it, in UTC."""
    told = time if isinstance(time, dt.datetime) else time.ToDatetime(tzinfo=dt.UTC)
    return told.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(time: Timestamp, now: dt.datetime) -> str:
    """Return how long ago a time was, roughly, such as "3 min ago"."""
    passed = now.timestamp() - seconds(time)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{int(passed // size)} {unit} ago"
    return "just now" if passed < 5 else f"{int(passed)} s ago"


def short_id(run_id: str) -> str:
    """Return the start of an id, as much as is shown where room is scarce."""
    return run_id[:SHORT_ID]


def _milliseconds(value: float) -> str:
    if 0 < value < 1:
        return f"{value * 1000:.0f} µs"
    return f"{value:.0f} ms" if value >= 9.95 or value == 0 else f"{value:.1f} ms"


def _word(enum: EnumDescriptor, value: int) -> str:
    """A member's name without the prefix of its enum, in small letters; its number where we do not know it."""
    if value not in enum.values_by_number:
        return str(value)
    # The zero member is named for the enum: RUN_STATUS_UNSPECIFIED.
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return enum.values_by_number[value].name.removeprefix(prefix).lower()


FILTERS = {
    "status_word": status_word,
    "step_type_word": step_type_word,
    "step_status_word": step_status_word,
    "failure_type_word": failure_type_word,
    "seconds": seconds,
    "duration": length,
    "took_seconds": took_seconds,
    "share": share,
    "number": number,
    "counted": counted,
    "compact": compact,
    "dollars": dollars,
    "moment": moment,
    "iso": iso,
    "short_id": short_id,
}
