"""How much memory the ingest service takes, and what becomes of 2,000 streams at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bench import Bench, Measured, measure, megabytes
from benchmarks.figures import Figure, Goal
from benchmarks.loads import BurstLoad
from benchmarks.products import BenchProduct
from benchmarks.sections.ingest import SHAPES, upload

METHOD = (
    "A fresh ingest service: resident memory at start; at its peak (VmHWM) and at the end of each load; then 2,000 "
    "streams on 20 connections, all open before the first ends, two messages of 12 steps each. BENCH_LARGE=1 goes on "
    "for 5 minutes and compares the second minute with the last."
)
_GOAL = Goal(at_most=200)
_STREAMS, _CHANNELS = 2_000, 20
_SOAK_SECONDS = 300.0


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    with bench.product() as product:
        pids = product.ingest_pids()
        figures = [_megabytes("at start", megabytes(pids))]
        for shape in SHAPES:
            upload(bench, product, shape)
            figures.append(_megabytes(f"peak until after {shape.name}", megabytes(pids, peak=True), _GOAL))
        burst = _burst(bench, product)
        figures.append(_megabytes("peak until after the burst", megabytes(pids, peak=True), _GOAL))
        figures.append(_megabytes("at the end", megabytes(pids)))
        figures += _streams(burst)
        if bench.large:
            figures += _soak(bench, product, pids)
    return figures


def _burst(bench: Bench, product: BenchProduct) -> Measured:
    product.empty()
    workloads = bench.workloads(_STREAMS, 24 * _STREAMS, steps_per_message=12)
    load = BurstLoad(address=product.ingest, workloads=workloads, channels=_CHANNELS)
    return measure(product, load)


def _streams(burst: Measured) -> list[Figure]:
    sent, goal = burst.sent, Goal(at_least=_STREAMS)
    note = f"in {sent.elapsed:.1f} s; {burst.note}"
    others = sum(sent.errors.values())
    return [
        Figure(name="streams at once: OK", unit="streams", samples=[sent.streams], goal=goal, note=note),
        Figure(name="streams at once: not OK", unit="streams", samples=[others], note=str(dict(sent.errors))),
    ]


def _soak(bench: Bench, product: BenchProduct, pids: list[int]) -> list[Figure]:
    """Resident memory each second while messages of 20 go on for minutes."""
    samples: list[float] = []
    with ThreadPoolExecutor(1) as threads:
        began = time.monotonic()
        loading = threads.submit(lambda: _load_for(bench, product, _SOAK_SECONDS))
        while not loading.done():
            samples.append(megabytes(pids))
            time.sleep(1)
        steps = loading.result()
    minute = [sum(part) / len(part) for part in (samples[60:120], samples[-60:])]
    note = f"{steps:,} steps in {time.monotonic() - began:.0f} s; second minute {minute[0]:.0f} MB"
    return [_megabytes("last of 5 minutes", minute[1], _GOAL, note=note, details={"each_second": samples})]


def _load_for(bench: Bench, product: BenchProduct, seconds: float) -> int:
    until, steps = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        steps += upload(bench, product, SHAPES[1]).sent.steps
    return steps


def _megabytes(
    name: str, value: float, goal: Goal | None = None, *, note: str = "", details: dict[str, list[float]] | None = None
) -> Figure:
    return Figure(name=f"memory {name}", unit="MB", samples=[value], goal=goal, note=note, details=details or {})
