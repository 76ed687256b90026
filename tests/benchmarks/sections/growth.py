"""Whether storing gets slower as more is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.bench import Bench, Measured
from benchmarks.figures import Figure, Goal
from benchmarks.sections.ingest import SHAPES, upload

METHOD = (
    "Messages of 500 on 4 streams, by turns into an empty product and into one that holds BENCH_STEPS steps of the "
    "past 30 days (1,000,000; with BENCH_LARGE=1 20,000,000), which are not removed."
)


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    measured: dict[str, list[Measured]] = defaultdict(list)
    loaded = bench.loaded_product()
    with bench.product() as empty:
        for _ in range(bench.rounds):
            measured["empty"].append(upload(bench, empty, SHAPES[0]))
            measured["loaded"].append(upload(bench, loaded, SHAPES[0], empty=False))
    none = _figure("into no stored steps", measured["empty"])
    goal = Goal(at_least=0.8, of_ratio=True)
    return [none, _figure(f"into {bench.stored_steps:,} stored steps", measured["loaded"], none, goal)]


def _figure(name: str, measured: Sequence[Measured], rival: Figure | None = None, goal: Goal | None = None) -> Figure:
    samples = [one.sent.steps_per_second for one in measured]
    return Figure(name=name, unit="steps/s", samples=samples, rival=rival, goal=goal, note=measured[-1].note)
