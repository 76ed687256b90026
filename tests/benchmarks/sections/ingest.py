"""How many steps a second are stored, durably and acknowledged, beside raw COPY of the same rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import raw_copy
from benchmarks.bench import Bench, Measured, measure
from benchmarks.figures import Figure, Goal
from benchmarks.loads import FullLoad
from benchmarks.products import BenchProduct
from benchmarks.raw_copy import RawCopy

METHOD = (
    "Clients in one process send encoded messages until their time is over; steps acknowledged, from the first write "
    "to the last response. Raw COPY BINARY of the same kind of rows, encoded and sorted, 5,000 a transaction, into a "
    "database with our schema on the same server. Tables are emptied and a CHECKPOINT is made before each; the order "
    "alternates from round to round; fsync is on. After each the database is counted: every acknowledged step once. "
    "Mixed: 100 runs of a client at a time, a step of each in turn, and a failure in one run of 8."
)
_RAW_ROWS = 200_000
# Steps of all clients together, prepared: more than a round sends.
_STEPS = 300_000


class Shape(NamedTuple):
    """How clients send."""

    name: str
    clients: int
    goal: Goal | None
    workload: dict[str, Any]
    steps: int = _STEPS
    stream_messages: int = 1_000


SHAPES = (
    Shape("500 a message, 4 streams", 4, Goal(at_least=0.40, of_ratio=True), {"steps_per_message": 500}),
    Shape("20 a message, 8 streams", 8, Goal(at_least=0.25, of_ratio=True), {"steps_per_message": 20}),
    # Short streams: what waits in the buffers of 100 long ones would be sent long after the time is over.
    Shape("1 a message, 100 streams", 100, Goal(at_least=12_000), {"steps_per_message": 1}, 120_000, 100),
    Shape("500 a message, 4 streams, mixed", 4, None, {"steps_per_message": 500, "open_runs": 100, "failures": True}),
)
_RAW = {
    "raw COPY": {"trigger": False},
    "raw COPY, counting trigger": {"trigger": True},
    "raw COPY, 2 connections": {"trigger": False, "connections": 2},
}


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    raw: dict[str, list[float]] = defaultdict(list)
    sent: dict[str, list[Measured]] = defaultdict(list)
    (workload,) = bench.workloads(1, _RAW_ROWS)
    with bench.product() as product, raw_copy.database(product.database_url, workload) as limit:
        for number in range(bench.rounds):
            if number % 2 == 0:
                _copy(limit, raw)
            for shape in SHAPES:
                sent[shape.name].append(upload(bench, product, shape))
            if number % 2 == 1:
                _copy(limit, raw)
    return _figures(raw, sent)


def upload(bench: Bench, product: BenchProduct, shape: Shape, *, empty: bool = True) -> Measured:
    """Send as fast as it goes, in a shape."""
    if empty:
        product.empty()
    workloads = bench.workloads(shape.clients, shape.steps, **shape.workload)
    load = FullLoad(
        address=product.ingest, workloads=workloads, seconds=bench.seconds, stream_messages=shape.stream_messages
    )
    return measure(product, load)


def _copy(limit: RawCopy, raw: dict[str, list[float]]) -> None:
    for name, how in _RAW.items():
        raw[name].append(limit.rows_per_second(**how))  # type: ignore[arg-type]


def _figures(raw: dict[str, list[float]], sent: dict[str, list[Measured]]) -> list[Figure]:
    notes = {"raw COPY": "raw_copy_rows_per_s: the denominator, no trigger, 1 connection"}
    limits = [Figure(name=name, unit="rows/s", samples=raw[name], note=notes.get(name, "")) for name in _RAW]
    for shape in SHAPES:
        measured = sent[shape.name]
        figure = Figure(
            name=shape.name,
            unit="steps/s",
            samples=[one.sent.steps_per_second for one in measured],
            rival=limits[0],
            goal=shape.goal,
            note=measured[-1].note,
            details={"cores": [one.cores for one in measured], "steps": [one.sent.steps for one in measured]},
        )
        limits.append(figure)
    return limits
