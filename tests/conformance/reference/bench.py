"""Records steps as fast as it can with the Python SDK, and says how long that took."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import agenttrace

STEPS_PER_RUN = 100
# Below the bound of the SDK's queue: beyond it, it drops rather than waits.
MOST_WAITING = 5_000


def main() -> int:
    """Record, wait until all of it is acknowledged, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    tracer = agenttrace.Tracer("bench")
    began = time.perf_counter()
    record_seconds = 0.0
    for first in range(0, options.steps, MOST_WAITING):
        started = time.perf_counter()
        record(tracer, min(MOST_WAITING, options.steps - first))
        record_seconds += time.perf_counter() - started
        tracer.flush(timeout_seconds=60)
    receipt = tracer.close(timeout_seconds=300)
    figures = {"steps": options.steps, "record_seconds": record_seconds, "total_seconds": time.perf_counter() - began}
    counted = {name: getattr(receipt, name) for name in ("accepted", "duplicate", "rejected", "dropped")}
    options.report.write_text(json.dumps(figures | counted))
    return 0 if receipt.complete else 1


def record(tracer: agenttrace.Tracer, steps: int) -> None:
    """Record so many steps, a hundred a run."""
    for first in range(0, steps, STEPS_PER_RUN):
        with tracer.run() as run:
            for number in range(min(STEPS_PER_RUN, steps - first)):
                with run.step("tool", f"tool-{number % 8}"):
                    pass


if __name__ == "__main__":
    sys.exit(main())
