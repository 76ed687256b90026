"""What the scanning of values costs: the same uploads to a server that scans and to one that does not."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server import scanning
from agenttrace_server.ingest import attributes, convert, encode
from agenttrace_server.ingest.values import Period
from benchmarks import products
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal
from benchmarks.sections.ingest import Shape, upload

METHOD = (
    "Two products run at once and are loaded in turn, 500 steps a message on 4 streams: one as it is, one whose "
    "scanners are replaced by nothing. Usual: names and values repeat, as agents' do. New values: the string among a "
    "step's attributes is another one in every step. Conversion: CPU time of one process that turns parsed messages "
    "into rows, best of five, what is remembered forgotten before each."
)
_WITHOUT = str(Path(__file__).parents[1] / "without_scanning")
_SHAPES = {"usual": {}, "new values": {"new_values": True}}
_STEPS = 20_000


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    with bench.product() as scanning_one, products.started({**bench.settings, "PYTHONPATH": _WITHOUT}) as other:
        made: dict[tuple[str, str], list[float]] = defaultdict(list)
        for number in range(bench.rounds):
            both = [("scanning", scanning_one), ("not scanning", other)]
            for name, product in both if number % 2 else reversed(both):
                for kind, workload in _SHAPES.items():
                    shape = Shape(kind, 4, None, {"steps_per_message": 500, **workload})
                    made[kind, name].append(upload(bench, product, shape).sent.steps_per_second)
    return [figure for kind in _SHAPES for figure in (*_pair(kind, made), *_conversion(bench, kind))]


def _pair(kind: str, made: dict[tuple[str, str], list[float]]) -> list[Figure]:
    without = Figure(name=f"{kind}, not scanning", unit="steps/s", samples=made[kind, "not scanning"])
    goal = Goal(at_least=0.85, of_ratio=True)
    return [
        without,
        Figure(name=kind, unit="steps/s", samples=made[kind, "scanning"], rival=without, goal=goal),
    ]


def _conversion(bench: Bench, kind: str) -> list[Figure]:
    """The part of it that scans, by itself: less noise, and the most that scanning may cost."""
    (workload,) = bench.workloads(1, _STEPS, **_SHAPES[kind])
    messages = [pb.UploadStepsRequest.FromString(message.data) for message in workload.messages()]
    samples: dict[str, list[float]] = defaultdict(list)
    for _ in range(bench.rounds):
        samples["scanning"].append(_steps_per_second(messages))
        with _not_scanning():
            samples["not scanning"].append(_steps_per_second(messages))
    without = Figure(name=f"conversion, {kind}, not scanning", unit="steps/s", samples=samples["not scanning"])
    return [without, Figure(name=f"conversion, {kind}", unit="steps/s", samples=samples["scanning"], rival=without)]


def _steps_per_second(messages: Sequence[pb.UploadStepsRequest]) -> float:
    period = Period.around(datetime.now(UTC), timedelta(days=90))
    taken = []
    for _ in range(5):
        _forget()
        began = time.process_time()
        for message in messages:
            convert.batch_from_message(message, period)
        taken.append(time.process_time() - began)
    return _STEPS / min(taken)


def _forget() -> None:
    """Forget every string that was checked."""
    for known in (attributes._strings, attributes._random_strings):
        known.clear()
    empty = encode._tokens[""]
    encode._tokens.clear()
    encode._tokens[""] = empty


@contextmanager
def _not_scanning() -> Iterator[None]:
    replaced: dict[str, Any] = {name: getattr(scanning, name) for name in ("is_sensitive", "looks_random")}
    try:
        for name in replaced:
            setattr(scanning, name, lambda _: False)
        yield
    finally:
        for name, function in replaced.items():
            setattr(scanning, name, function)
