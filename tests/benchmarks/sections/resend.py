"""What it costs to send again what is stored: all of it, and half of it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.bench import Bench, Measured, NotExact, measure
from benchmarks.figures import Figure, Goal
from benchmarks.loads import FullLoad, ResendLoad
from benchmarks.products import BenchProduct
from benchmarks.workload import Workload

METHOD = (
    "Messages of 500 steps on 4 streams: first as new; then all of them again, marked `resend`; then messages of which "
    "half the steps are stored and half are new, marked and unmarked. Counters are compared before and after."
)
_CLIENTS = 4
_STEPS = 200_000
FIRST, AGAIN = "first send", "all again, marked"
HALF, HALF_UNMARKED = "half again, marked", "half again, unmarked"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    measured: dict[str, list[Measured]] = defaultdict(list)
    with bench.product() as product:
        for _ in range(bench.rounds):
            _round(bench, product, measured)
    first = _figure(FIRST, measured[FIRST], None, None)
    goal = Goal(at_least=0.5, of_ratio=True)
    again = _figure(AGAIN, measured[AGAIN], first, goal)
    return [first, again, *(_figure(name, measured[name], first, None) for name in (HALF, HALF_UNMARKED))]


def _round(bench: Bench, product: BenchProduct, measured: dict[str, list[Measured]]) -> None:
    product.empty()
    workloads = bench.workloads(_CLIENTS, _STEPS)
    first = measure(product, FullLoad(address=product.ingest, workloads=workloads, seconds=bench.seconds))
    measured[FIRST].append(first)
    known = list(zip(workloads, first.sent.acknowledged, strict=True))
    counters = product.counters()
    # Time for all of it: what is sent again is what was sent, not what fits.
    again = ResendLoad(address=product.ingest, workloads=(), known=known, seconds=4 * bench.seconds)
    measured[AGAIN].append(measure(product, again))
    if product.counters() != counters or measured[AGAIN][-1].sent.accepted:
        raise NotExact("what was sent again moved counters")
    for name, marked in ((HALF, True), (HALF_UNMARKED, False)):
        measured[name].append(measure(product, _half(bench, product, known, marked=marked)))


def _half(bench: Bench, product: BenchProduct, known: list[tuple[Workload, int]], *, marked: bool) -> ResendLoad:
    """Messages of 250 known steps and 250 new ones, as many as fit into half the time."""
    halves = [(dataclasses.replace(workload, steps_per_message=250), 2 * count) for workload, count in known]
    return ResendLoad(
        address=product.ingest,
        workloads=bench.workloads(_CLIENTS, _STEPS, steps_per_message=250),
        known=halves,
        marked=marked,
        seconds=bench.seconds,
    )


def _figure(name: str, measured: Sequence[Measured], rival: Figure | None, goal: Goal | None) -> Figure:
    samples = [one.sent.steps_per_second for one in measured]
    last = measured[-1]
    note = f"{last.sent.accepted:,} new, {last.sent.duplicate:,} known; {last.note}"
    return Figure(name=name, unit="steps/s", samples=samples, rival=rival, goal=goal, note=note)
