"""Reads /metrics as Prometheus does."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(url: str, accept: str = OPENMETRICS) -> str:
    """What a process tells of itself."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read().decode()  # type: ignore[no-any-return]


class Scrape:
    """The samples of one scrape."""

    def __init__(self, *urls: str) -> None:
        self.families: list[Metric] = [f for url in urls for f in text_string_to_metric_families(scrape(url))]
        self.samples: list[Sample] = [sample for family in self.families for sample in family.samples]

    def of(self, name: str, **labels: str) -> list[Sample]:
        """The samples of a name that have these labels."""
        return [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """What the samples add up to; of a name that is not there: a failure."""
        found = self.of(name, **labels)
        assert found, f"{name}{labels} is not exposed"
        return sum(sample.value for sample in found)

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """What they add up to by a label, zeros left out."""
        sums: dict[str, float] = {}
        for sample in self.of(name, **labels):
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0.0) + sample.value
        return {value: total for value, total in sums.items() if total}


def until(told: Callable[[], object]) -> None:
    """Wait for a condition: a client has its answer a moment before its call has ended."""
    deadline = time.monotonic() + 60
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.02)
