"""How many steps one agent process delivers to the real server without a drop, with and without a spool."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import fix_product
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal
from benchmarks.products import BenchProduct

METHOD = (
    "One agent process records 20,000 steps a second with three attributes for some seconds, in runs of 200, into the "
    "running product; what is delivered counts, until the last acknowledgement. Then without a server, as fast as it "
    "can: what its spool takes. Agent, services and PostgreSQL share the machine."
)
_AGENT = Path(__file__).with_name("sdk_agent.py")
_RATE = 20_000
_ANY_RATE = 10_000_000
_NOBODY = "http://127.0.0.1:1"


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    figures = []
    with bench.product() as product, tempfile.TemporaryDirectory(prefix="agenttrace-bench-") as spool:
        for name, directory in (("memory", ""), ("spool", spool)):
            told = [_deliver(bench, product, directory) for _ in range(bench.rounds)]
            figures += _figures(name, told)
        writes = [_agent(bench, _NOBODY, f"{spool}/{number}", _ANY_RATE) for number in range(bench.rounds)]
    rates = [told["spooled"] / told["recording_seconds"] for told in writes]
    return [*figures, Figure(name="written to the spool, no server", unit="items/s", samples=rates)]


def _deliver(bench: Bench, product: BenchProduct, spool: str) -> dict[str, float]:
    product.empty()
    told = _agent(bench, product.ingest, spool)
    stored = product.stored()
    assert stored.steps == told["steps"] - told["dropped"], (stored, told)
    return told


def _figures(name: str, told: Sequence[dict[str, float]]) -> list[Figure]:
    rates = [one["steps"] / one["seconds"] for one in told]
    dropped = [one["dropped"] for one in told]
    cpu = [one["cpu_seconds"] / one["steps"] * 1e6 for one in told]
    # Recording ends on time; the last batch is still on its way then.
    goal = Goal(at_least=_RATE * 0.95)
    return [
        Figure(name=f"delivered by way of {name}", unit="steps/s", samples=rates, goal=goal),
        Figure(name=f"dropped by way of {name}", unit="items", samples=dropped, goal=Goal(at_most=0)),
        Figure(name=f"agent's processor time by way of {name}", unit="us/step", samples=cpu),
    ]


def _agent(bench: Bench, endpoint: str, spool: str, rate: int = _RATE) -> dict[str, float]:
    command = [sys.executable, str(_AGENT), endpoint, str(bench.seconds), str(rate), spool]
    environment = fix_product.clean_environment()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
