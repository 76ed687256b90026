"""What is measured, a module each: METHOD says how, `run` returns the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.sections import (
    boundary,
    console,
    dashboards,
    growth,
    ingest,
    latency,
    memory,
    metrics,
    reads,
    resend,
    sdk,
    sdk_delivery,
)


class Section(Protocol):
    """One thing to measure."""

    METHOD: str

    def run(self, bench: Bench) -> Sequence[Figure]:
        """Measure it."""


SECTIONS: Mapping[str, Section] = {
    "ingest": ingest,
    "latency": latency,
    "resend": resend,
    "boundary": boundary,
    "memory": memory,
    "metrics": metrics,
    "reads": reads,
    "console": console,
    "dashboards": dashboards,
    "growth": growth,
    "sdk": sdk,
    "sdk_delivery": sdk_delivery,
}
