"""A histogram that takes the observations of a whole batch in one step."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from time import time
from typing import NamedTuple

from prometheus_client.core import Exemplar, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from agenttrace_server.metrics.exemplars import labels_of


class _Counted(NamedTuple):
    """What was observed: how often in each bucket alone, the sum, and the latest exemplar of each bucket."""

    buckets: tuple[int, ...]
    sum: float
    exemplars: tuple[Exemplar | None, ...]


class BatchSeries:
    """The observations under one set of label values. One thread observes; any may read."""

    __slots__ = ("_bounds", "counted")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        empty = len(bounds) + 1
        self.counted = _Counted((0,) * empty, 0.0, (None,) * empty)

    def observe(self, value: float, run_id: str = "") -> None:
        """Count one observation; `run_id`: its exemplar."""
        counted = self.counted
        place = bisect_left(self._bounds, value)
        buckets = list(counted.buckets)
        buckets[place] += 1
        exemplars = counted.exemplars
        if exemplar := labels_of(run_id):
            mine = list(exemplars)
            mine[place] = Exemplar(exemplar, value, time())
            exemplars = tuple(mine)
        # Replaced as a whole: who reads it meanwhile sees all of an observation, or nothing.
        self.counted = _Counted(tuple(buckets), counted.sum + value, exemplars)

    def observe_sorted(self, values: Sequence[float], *, per_unit: int = 1) -> None:
        """Count many observations, in ascending order: a search for each bound is cheaper than one for each value.

        `per_unit`: how many of what the values are in make one of what the bounds are in.
        """
        counted = self.counted
        buckets = []
        begin = 0
        for bound, before in zip(self._bounds, counted.buckets, strict=False):
            end = bisect_right(values, bound * per_unit, begin)
            buckets.append(before + end - begin)
            begin = end
        buckets.append(counted.buckets[-1] + len(values) - begin)
        self.counted = _Counted(tuple(buckets), counted.sum + sum(values) / per_unit, counted.exemplars)


class BatchHistogram(Collector):
    """A histogram; prometheus_client's own takes one observation at a time, under a lock."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._bounds = tuple(buckets)
        self._le = [*(str(float(bound)) for bound in buckets), "+Inf"]
        self._series: dict[tuple[str, ...], BatchSeries] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> BatchSeries:
        """Return the series of these label values, made at 0 where it is new."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = BatchSeries(self._bounds)
        return series

    def collect(self) -> Iterable[Metric]:
        """Yield the family."""
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labels)
        for values, series in list(self._series.items()):
            counted = series.counted
            totals = zip(self._le, accumulate(counted.buckets), counted.exemplars, strict=True)
            buckets = [(le, total, exemplar) if exemplar else (le, total) for le, total, exemplar in totals]
            family.add_metric(values, buckets, counted.sum)
        yield family
