"""Reads percentiles off histograms of durations, whose buckets the database's duration_bucket() defines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

PERCENTILES = (50, 90, 95, 99)
# Each bucket is so many times as long as the one before it: its middle is within 5 % of everything in it.
_RATIO = 1.1
_NO_TIME = -1


def percentiles(buckets: Sequence[int], counts: Sequence[int]) -> list[timedelta] | None:
    """Return p50, p90, p95 and p99; None where there is nothing. `buckets` are in ascending order."""
    upto = list(accumulate(counts))
    if not upto:
        return None
    # As percentile_disc() has it: the first value that so many do not pass.
    return [_duration(buckets[bisect_left(upto, -(-upto[-1] * percent // 100))]) for percent in PERCENTILES]


def _duration(bucket: int) -> timedelta:
    return timedelta(microseconds=0 if bucket == _NO_TIME else _RATIO ** (bucket - 0.5))
