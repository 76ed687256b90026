"""How facts are spelt on pages, beside what the command line says too; and the filters of templates."""

from __future__ import annotations

import datetime as dt

from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.showing import wording


def number(value: int) -> str:
    """Return a whole number with commas."""
    return f"{value:,}"


def compact(value: int) -> str:
    """Return a large number in at most five characters, such as 12.3k or 4.56M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if value >= size * 0.9995:
            scaled = value / size
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return str(value)


def iso(time: Timestamp | dt.datetime) -> str:
    """Return a time as machines read it, in UTC."""
    told = time if isinstance(time, dt.datetime) else time.ToDatetime(tzinfo=dt.UTC)
    return told.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FILTERS = {
    "status_word": wording.status_word,
    "step_type_word": wording.step_type_word,
    "failure_type_word": wording.failure_type_word,
    "duration": wording.length,
    "took_seconds": wording.took_seconds,
    "percentile": wording.percentile,
    "rate": wording.rate,
    "share": wording.share,
    "number": number,
    "counted": wording.counted,
    "compact": compact,
    "dollars": wording.dollars,
    "clock": wording.clock,
    "iso": iso,
    "short_id": wording.short_id,
}
