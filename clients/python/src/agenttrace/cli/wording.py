"""How facts are spelt for people: durations, times (always UTC), counts, cost, and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from agenttrace.cli.json_output import word
from agenttrace.v1.failure_pb2 import FailureType
from agenttrace.v1.run_pb2 import RunStatus
from agenttrace.v1.step_pb2 import StepType

if TYPE_CHECKING:
    import datetime as dt

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

    from agenttrace.v1.query_service_pb2 import Percentiles
    from agenttrace.v1.run_pb2 import RunSummary

SHORT_ID: Final = 13
"""How much of an id is shown where room is scarce: the time in a UUIDv7, by which `agenttrace run` finds it."""

STATUS_STYLES: Final = {
    "SUCCESS": "green",
    "FAILURE": "bold red",
    "PARTIAL": "yellow",
    "RUNNING": "cyan",
    "CANCELLED": "dim",
    "ABANDONED": "magenta",
}
STATUS_MARKS: Final = {
    "SUCCESS": "✓",
    "FAILURE": "✗",
    "PARTIAL": "◐",
    "RUNNING": "▶",
    "CANCELLED": "■",
    "ABANDONED": "?",
}
TYPE_STYLES: Final = {
    "PLAN": "blue",
    "RETRIEVE": "cyan",
    "TOOL": "yellow",
    "MODEL": "magenta",
    "RESPOND": "green",
    "HANDOFF": "bright_blue",
    "GUARDRAIL": "bright_cyan",
    "OTHER": "white",
}


def status_word(status: int) -> str:
    """Return a run's status."""
    return word(RunStatus.DESCRIPTOR, status)


def status(number: int) -> Text:
    """Return a run's status with its mark, in its colour."""
    name = status_word(number)
    return Text(f"{STATUS_MARKS.get(name, '·')} {name}", STATUS_STYLES.get(name, ""))


def is_bad(number: int) -> bool:
    """Whether a status says that a run did not do all it was for."""
    return status_word(number) in {"FAILURE", "PARTIAL", "ABANDONED"}


def step_type_word(step_type: int) -> str:
    """Return a step's type."""
    return word(StepType.DESCRIPTOR, step_type)


def failure_type_word(failure_type: int) -> str:
    """Return a failure's type, in small letters as in a sentence."""
    return word(FailureType.DESCRIPTOR, failure_type).lower()


def seconds(time: Timestamp) -> float:
    """Return a time as seconds since 1970."""
    return time.seconds + time.nanos / 1e9


def clock(time: Timestamp, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in UTC."""
    return time.ToDatetime().strftime(form)


def length(of_seconds: float | None) -> str:
    """Return a length of time with about three digits; a dash for none."""
    if of_seconds is None:
        return "-"
    if of_seconds < 0.9995:
        milliseconds = of_seconds * 1000
        if 0 < milliseconds < 1:
            return f"{milliseconds * 1000:.0f} µs"
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 or milliseconds == 0 else f"{milliseconds:.1f} ms"
    if of_seconds < 60:
        return f"{of_seconds:.2f} s" if of_seconds < 10 else f"{of_seconds:.1f} s"
    minutes, rest = divmod(round(of_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def dollars(micro_usd: int) -> str:
    """Return a cost; with four decimals where it is less than a dollar."""
    return f"${micro_usd / 1e6:.4f}" if micro_usd < 1_000_000 else f"${micro_usd / 1e6:,.2f}"


def share(rate: float | None) -> str:
    """Return a rate in per cent; a dash for none."""
    return "-" if rate is None else f"{rate * 100:.1f} %"


def clip(text: str, width: int) -> str:
    """Return a text in at most so many columns, with a sign where it goes on."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def rate(stats: Any, name: str) -> float | None:
    """Return a rate of statistics; None where there was nothing to count."""
    value: float | None = getattr(stats, name) if stats.HasField(name) else None
    return value


def percentile_seconds(durations: Percentiles, name: str) -> float | None:
    """Return one percentile of durations; None where there was nothing to measure."""
    if not durations.HasField(name):
        return None
    value: Duration = getattr(durations, name)
    return value.seconds + value.nanos / 1e9


def percentile(durations: Percentiles, name: str) -> str:
    """Return one percentile of durations; a dash where there was nothing to measure."""
    return length(percentile_seconds(durations, name))


def took(summary: RunSummary) -> str:
    """Return how long a run took; a dash where it has not ended."""
    run = summary.run
    return length(seconds(run.end_time) - seconds(run.start_time)) if run.HasField("end_time") else "-"


def span(width: dt.timedelta) -> str:
    """Return a length of time in its largest whole unit."""
    of_seconds = width.total_seconds()
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if of_seconds >= size and of_seconds % size == 0:
            return count(int(of_seconds // size), name)
    return length(of_seconds)
