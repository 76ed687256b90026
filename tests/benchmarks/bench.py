"""What the sections share: how long and how often, the products they load, and what is measured around a load."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks import processes, products, stored_data
from benchmarks.client import client
from benchmarks.loads import Load, Sent
from benchmarks.products import BenchProduct, Stored
from benchmarks.workload import Workload


class NotExact(AssertionError):
    """The database does not hold what was acknowledged, each once."""


class Measured(NamedTuple):
    """What was sent, what is stored of it, and the cores that were busy meanwhile, by whose they were."""

    sent: Sent
    stored: Stored
    cores: Mapping[str, float]

    @property
    def note(self) -> str:
        """The busy cores in short, and errors where there were any."""
        cores = " ".join(f"{name} {value:.2f}" for name, value in self.cores.items())
        errors = " ".join(f"{code}:{count}" for code, count in self.sent.errors.items())
        return f"cores: {cores}" + (f"; {errors}" if errors else "")


@dataclass(kw_only=True)
class Bench:
    """One run of the benchmarks. `large`: many times the data, and minutes instead of seconds."""

    rounds: int
    seconds: float
    settings: Mapping[str, str]
    large: bool = bool(int(os.environ.get("BENCH_LARGE", "0")))
    stack: ExitStack = field(default_factory=ExitStack)
    _seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _loaded: BenchProduct | None = None

    def __post_init__(self) -> None:
        # Far enough in the past that no time is in the future, near enough that none is too old.
        self.begin_us = int(time.time() - 3600) * 1_000_000
        self.stored_steps = int(os.environ.get("BENCH_STEPS", "20000000" if self.large else "1000000"))

    @contextmanager
    def product(self) -> Iterator[BenchProduct]:
        """A product of the section's own, empty."""
        with products.started(self.settings) as running:
            yield running

    def loaded_product(self) -> BenchProduct:
        """The product with stored_steps steps in it, for all sections that only add to it."""
        if self._loaded is None:
            product = self.stack.enter_context(products.started(self.settings))
            stored_data.load(product.database_url, self.stored_steps)
            product.maintain()
            self._loaded = product
        return self._loaded

    def workloads(self, clients: int, steps: int, **shape: object) -> list[Workload]:
        """One workload for each client, none like another in this run; `steps` together."""
        share = steps // clients
        return [Workload(seed=next(self._seeds), steps=share, begin_us=self.begin_us, **shape) for _ in range(clients)]  # type: ignore[arg-type]


def measure(product: BenchProduct, load: Load) -> Measured:
    """Send a load and check that the database holds what was acknowledged, each once; else NotExact."""
    with client(load) as sender:
        before = product.stored()
        product.checkpoint()
        cpu = product.cpu()
        sent = sender.send()
        cores = {name: (seconds - cpu[name]) / sent.elapsed for name, seconds in product.cpu().items()}
    cores["client"] = sent.cpu_seconds / sent.elapsed
    machine = cores.pop("machine")
    cores["others"] = max(0.0, machine - sum(cores.values()))
    stored = product.stored().since(before)
    _check(sent, stored)
    return Measured(sent, stored, cores)


def _check(sent: Sent, stored: Stored) -> None:
    """Counts of the receipts, of the rows and of the runs' counters are the same."""
    # A stream that ended with an error may have committed what no receipt tells.
    right = stored.steps >= sent.accepted if sent.errors else stored.steps == sent.accepted
    if sent.rejected or not right or stored.counted_steps != stored.steps:
        raise NotExact(f"accepted {sent.accepted}, rejected {sent.rejected}, {stored}, errors {dict(sent.errors)}")
    if not sent.errors and sent.duplicate == 0 and stored[1:3] != (sent.runs_started, sent.runs_ended):
        raise NotExact(f"{sent.runs_started} runs started and {sent.runs_ended} ended, {stored}")


def megabytes(pids: list[int], *, peak: bool = False) -> float:
    """Resident memory of processes together."""
    return sum(processes.memory_bytes(pid, peak=peak) for pid in pids) / 1e6
