"""What metrics cost: the same uploads to a server that counts and to one that does not; scrapes at 100 agents."""

from __future__ import annotations

import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from agenttrace_server.metrics import DomainMetrics, IngestMetrics, Metrics
from agenttrace_server.metrics.exposition import OPENMETRICS, exposition
from benchmarks import products
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal
from benchmarks.sections.ingest import SHAPES, upload

METHOD = (
    "Two products run at once and are loaded in turn, in three shapes of the section ingest: one as "
    "it is, one that counts nothing. Scrape: what the series of 100 agents take to write, CPU time of one thread, and "
    "the same from the loaded product's /metrics, its own time and that of the network included."
)
_WITHOUT = str(Path(__file__).parents[1] / "without_metrics")
_SHAPES = (SHAPES[0], SHAPES[2], SHAPES[3])
_AGENTS = 100
_MOST_SERIES = 4_500


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    with bench.product() as counting, products.started({**bench.settings, "PYTHONPATH": _WITHOUT}) as other:
        made: dict[tuple[str, str], list[float]] = defaultdict(list)
        for number in range(bench.rounds):
            both = [("counting", counting), ("not counting", other)]
            for name, product in both if number % 2 else reversed(both):
                for shape in _SHAPES:
                    made[shape.name, name].append(upload(bench, product, shape).sent.steps_per_second)
        scraped = [_milliseconds(lambda: urllib.request.urlopen(counting.ingest_metrics).read()) for _ in range(10)]
    pairs = [figure for shape in _SHAPES for figure in _pair(shape.name, made)]
    return [*pairs, *_scrapes(), Figure(name="scrape of the product", unit="ms", samples=scraped)]


def _pair(name: str, made: dict[tuple[str, str], list[float]]) -> list[Figure]:
    without = Figure(name=f"{name}, not counting", unit="steps/s", samples=made[name, "not counting"])
    goal = Goal(at_least=0.97, of_ratio=True)
    return [without, Figure(name=name, unit="steps/s", samples=made[name, "counting"], rival=without, goal=goal)]


def _scrapes() -> list[Figure]:
    """A process that has seen 100 agents and nothing else."""
    own = Metrics()
    IngestMetrics(own)
    domain = DomainMetrics(own, agent_limit=_AGENTS)
    for number in range(_AGENTS):
        domain.expect("default", f"agent-{number}")
    text = exposition(own.registry, OPENMETRICS)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    samples = [_milliseconds(lambda: exposition(own.registry, OPENMETRICS)) for _ in range(10)]
    return [
        Figure(name="scrape at 100 agents", unit="ms", samples=samples, goal=Goal(at_most=50)),
        Figure(name="series at 100 agents", unit="", samples=[series], goal=Goal(at_most=_MOST_SERIES)),
        Figure(name="bytes at 100 agents", unit="", samples=[len(text)]),
    ]


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
