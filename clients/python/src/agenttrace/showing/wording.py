"""How facts are spelt for people: durations, times (always UTC), counts, cost, rates and the words of enums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.v1.failure_pb2 import FailureType
from agenttrace.v1.run_pb2 import RunStatus
from agenttrace.v1.step_pb2 import StepStatus, StepType

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

    from agenttrace.v1.query_service_pb2 import Percentiles
    from agenttrace.v1.run_pb2 import RunSummary

NONE: Final = "-"
SHORT_ID: Final = 13
"""How much of an id is shown where room is scarce: the time in a UUIDv7, by which a run is found."""
STATUS_MARKS: Final = {
    "success": "✓",
    "failure": "✗",
    "partial": "◐",
    "running": "▶",
    "cancelled": "■",
    "abandoned": "?",
}


def enum_word(enum: Any, number: int) -> str:
    """Return the name of an enum's value without its prefix; the number where we do not know it."""
    # The zero value is named for the enum: RUN_STATUS_UNSPECIFIED.
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    value = enum.values_by_number.get(number)
    return value.name.removeprefix(prefix) if value else str(number)


def status_word(status: int) -> str:
    """Return a run's status in small letters, such as "failure"."""
    return enum_word(RunStatus.DESCRIPTOR, status).lower()


def step_type_word(step_type: int) -> str:
    """Return a step's type in small letters."""
    return enum_word(StepType.DESCRIPTOR, step_type).lower()


def step_status_word(status: int) -> str:
    """Return a step's status in small letters."""
    return enum_word(StepStatus.DESCRIPTOR, status).lower()


def failure_type_word(failure_type: int) -> str:
    """Return a failure's type in small letters."""
    return enum_word(FailureType.DESCRIPTOR, failure_type).lower()


def seconds(time: Timestamp | Duration) -> float:
    """Return a time as seconds since 1970, or a length of time in seconds."""
    return time.seconds + time.nanos / 1e9


def clock(time: Timestamp, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in UTC."""
    return time.ToDatetime().strftime(form)


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


def percentile(durations: Percentiles, name: str) -> str:
    """Return one percentile as a length of time; a dash where there was nothing to measure."""
    return length(percentile_seconds(durations, name))


def rate(stats: Any, name: str) -> float | None:
    """Return a rate of statistics, from 0 to 1; None where there was nothing to count."""
    value: float | None = getattr(stats, name) if stats.HasField(name) else None
    return value


def share(of_one: float | None) -> str:
    """Return a rate in per cent; a dash for none."""
    return NONE if of_one is None else f"{of_one * 100:.1f} %"


def counted(value: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun."""
    return f"{value:,} {noun if value == 1 else nouns or noun + 's'}"


def dollars(micro_usd: float) -> str:
    """Return a cost; with four decimals where it is less than a dollar."""
    return f"${micro_usd / 1e6:,.4f}" if 0 < abs(micro_usd) < 1_000_000 else f"${micro_usd / 1e6:,.2f}"


def short_id(run_id: str) -> str:
    """Return the start of an id, as much as is shown where room is scarce."""
    return run_id[:SHORT_ID]


def _milliseconds(value: float) -> str:
    if 0 < value < 1:
        return f"{value * 1000:.0f} µs"
    return f"{value:.0f} ms" if value >= 9.95 or value == 0 else f"{value:.1f} ms"
