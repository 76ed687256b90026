"""Whether two samples of runs differ: rates with their intervals, their difference, and what it takes to tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from agenttrace.showing.wording import percentile_seconds

if TYPE_CHECKING:
    from agenttrace.v1.query_service_pb2 import Stats

# 95 of 100 such intervals hold the true value.
_Z = 1.959964
# With which chance a difference as large as the one seen should be told, in how many runs are needed: 80 of 100.
_Z_POWER = 0.841621
# Rates whose difference is known this well, and may be none, are called alike.
ALIKE_WITHIN = 0.05
# Of so few runs beyond a percentile it is one of them by chance.
_FEWEST_BEYOND = 5
# What may be needed without a difference worth the name is no help.
_MOST_NEEDED = 1_000_000

Finding = Literal["higher", "lower", "alike", "unknown"]


class Rate(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None of none."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the true share, after Wilson; everything is possible where nothing was seen."""
        if not self.whole:
            return 0.0, 1.0
        share, weight = self.part / self.whole, _Z * _Z / self.whole
        centre = (share + weight / 2) / (1 + weight)
        half = _Z / (1 + weight) * math.sqrt(share * (1 - share) / self.whole + weight / (4 * self.whole))
        # At the ends the formula is exact, arithmetic is not.
        return (0.0 if not self.part else max(0.0, centre - half)), (
            1.0 if self.part == self.whole else min(1.0, centre + half)
        )


class Difference(NamedTuple):
    """How far the second of two rates is above the first, with its bounds."""

    estimate: float
    low: float
    high: float

    @property
    def finding(self) -> Finding:
        """What can be said of it."""
        if self.low > 0:
            return "higher"
        if self.high < 0:
            return "lower"
        return "alike" if max(-self.low, self.high) <= ALIKE_WITHIN else "unknown"


class Percentile(NamedTuple):
    """One percentile of durations, in seconds; `few`: of too few runs to mean much."""

    name: str
    seconds: float | None
    few: bool


def difference(first: Rate, second: Rate) -> Difference | None:
    """Return how far the second rate is above the first, bounded after Newcombe; None where one is of nothing."""
    if first.value is None or second.value is None:
        return None
    estimate = second.value - first.value
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    below = math.hypot(second.value - low_2, high_1 - first.value)
    above = math.hypot(high_2 - second.value, first.value - low_1)
    return Difference(estimate, estimate - below, estimate + above)


def runs_needed(first: Rate, second: Rate) -> int | None:
    """Return about how many runs of each side would tell a difference like the one seen; None where there is none."""
    if first.value is None or second.value is None or first.value == second.value:
        return None
    spread = first.value * (1 - first.value) + second.value * (1 - second.value)
    # Of all or of none there is no spread to see, and there is one.
    spread = max(spread, abs(first.value - second.value) / 2)
    needed = math.ceil((_Z + _Z_POWER) ** 2 * spread / (second.value - first.value) ** 2)
    return needed if needed <= _MOST_NEEDED else None


def failed(stats: Stats) -> Rate:
    """Return the failure rate: FAILURE and ABANDONED of all that ended; cancelled runs say nothing."""
    return Rate(stats.failure_count + stats.abandoned_count, ended(stats))


def succeeded(stats: Stats) -> Rate:
    """Return the success rate, of the same runs as the failure rate."""
    return Rate(stats.success_count, ended(stats))


def ended(stats: Stats) -> int:
    """Return how many runs rates are of."""
    return stats.success_count + stats.partial_count + stats.failure_count + stats.abandoned_count


def cost_of_success(stats: Stats) -> float | None:
    """Return what one successful run cost, in millionths of a dollar, those paid for in vain included."""
    return stats.cost_micro_usd / stats.success_count if stats.success_count else None


def percentiles(stats: Stats) -> list[Percentile]:
    """Return how long runs took."""
    durations = stats.run_duration
    found = []
    for name in ("p50", "p90", "p95", "p99"):
        few = durations.count * (100 - int(name[1:])) < _FEWEST_BEYOND * 100
        found.append(Percentile(name, percentile_seconds(durations, name), few))
    return found
