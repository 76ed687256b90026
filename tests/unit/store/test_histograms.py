"""Percentiles read off histograms."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import timedelta

import pytest

from agenttrace_server.store.histograms import PERCENTILES, percentiles


def bucket_of(seconds: float) -> int:
    """What duration_bucket() of the database gives."""
    return math.ceil(math.log(seconds * 1e6) / math.log(1.1)) if seconds > 0 else -1


def test_nothing_has_no_percentiles() -> None:
    assert percentiles([], []) is None


def test_no_time_is_no_time() -> None:
    assert percentiles([-1], [3]) == [timedelta(0)] * 4


@pytest.mark.parametrize("count", [1, 2, 10, 100, 999])
@pytest.mark.parametrize("longest", [0.001, 1, 600_000])
def test_percentiles_are_within_5_percent(count: int, longest: float) -> None:
    dice = random.Random(count)
    seconds = sorted(math.ceil(dice.random() ** 4 * longest * 1e6) / 1e6 for _ in range(count))
    buckets, counts = zip(*sorted(Counter(map(bucket_of, seconds)).items()), strict=True)

    found = percentiles(buckets, counts)

    exact = [seconds[math.ceil(count * percent / 100) - 1] for percent in PERCENTILES]
    assert found is not None
    assert [duration.total_seconds() for duration in found] == pytest.approx(exact, rel=0.05, abs=5e-7)
