"""Declares metrics: each once, with what its documentation says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.registry import Collector

from agenttrace_server.metrics.batch_histogram import BatchHistogram

# When a series began is no question of ours, and would be another series for each.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Declared(NamedTuple):
    """One metric as it is documented. `otel`: what OpenTelemetry's conventions call it, empty where they have none."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    otel: str


class Declarations:
    """The metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []

    def counter(self, name: str, meaning: str, labels: Sequence[str] = (), *, otel: str = "") -> Counter:
        """Declare a counter; its name ends in `_total`."""
        self._declare(name, "counter", meaning, labels, otel)
        return Counter(name, meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = (), *, otel: str = "") -> Gauge:
        """Declare a gauge."""
        self._declare(name, "gauge", meaning, labels, otel)
        return Gauge(name, meaning, labels, registry=self.registry)

    def histogram(
        self, name: str, meaning: str, buckets: Sequence[float], labels: Sequence[str] = (), *, otel: str = ""
    ) -> Histogram:
        """Declare a histogram of single observations."""
        self._declare(name, "histogram", meaning, labels, otel)
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def batch_histogram(
        self, name: str, meaning: str, buckets: Sequence[float], labels: Sequence[str] = (), *, otel: str = ""
    ) -> BatchHistogram:
        """Declare a histogram of which many observations come at once."""
        self._declare(name, "histogram", meaning, labels, otel)
        histogram = BatchHistogram(name, meaning, labels, buckets)
        self.registry.register(histogram)
        return histogram

    def collected(self, collector: Collector, *declared: Declared) -> None:
        """Declare what a collector of our own reads when it is scraped."""
        self.declared += declared
        self.registry.register(collector)

    def _declare(self, name: str, kind: str, meaning: str, labels: Sequence[str], otel: str) -> None:
        self.declared.append(Declared(name, kind, tuple(labels), meaning, otel))
