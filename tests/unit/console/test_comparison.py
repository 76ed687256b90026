"""Whether two samples differ."""

from __future__ import annotations

import pytest

from agenttrace.v1.query_service_pb2 import Stats
from agenttrace_server.console import comparison
from agenttrace_server.console.comparison import Rate, difference, runs_needed


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_a_rate_has_the_interval_of_wilson(part: int, whole: int, low: float, high: float) -> None:
    assert Rate(part, whole).interval == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_rate_and_anything_is_possible() -> None:
    nothing = Rate(0, 0)

    assert (nothing.value, nothing.interval, difference(nothing, Rate(1, 2))) == (None, (0.0, 1.0), None)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10,
        # with the sides changed: ours is the second less the first.
        (Rate(48, 80), Rate(56, 70), 0.0524, 0.3339),
        (Rate(3, 10), Rate(9, 10), 0.1705, 0.8090),
        (Rate(0, 10), Rate(10, 10), 0.6075, 1.0),
        (Rate(0, 20), Rate(0, 10), -0.1611, 0.2775),
    ],
)
def test_a_difference_has_the_interval_of_newcombe(first: Rate, second: Rate, low: float, high: float) -> None:
    found = difference(first, second)

    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "finding"),
    [
        (Rate(10, 100), Rate(40, 100), "higher"),
        (Rate(40, 100), Rate(10, 100), "lower"),
        (Rate(2, 10), Rate(4, 10), "unknown"),
        (Rate(500, 5_000), Rate(510, 5_000), "alike"),
        (Rate(0, 3), Rate(0, 3), "unknown"),
    ],
)
def test_a_finding_says_no_more_than_the_samples_do(first: Rate, second: Rate, finding: str) -> None:
    found = difference(first, second)

    assert found is not None
    assert found.finding == finding


def test_how_many_runs_would_tell() -> None:
    """Of the textbooks: 20 % against 30 % at 95 % confidence and 80 % power takes about 290 a side."""
    assert runs_needed(Rate(20, 100), Rate(30, 100)) == 291
    assert runs_needed(Rate(0, 3), Rate(3, 3)) is not None
    assert runs_needed(Rate(1, 5), Rate(2, 10)) is None
    assert runs_needed(Rate(100_000, 200_000), Rate(100_001, 200_000)) is None


def test_cancelled_and_running_runs_say_nothing_of_failures() -> None:
    stats = Stats(
        success_count=6, partial_count=1, failure_count=2, abandoned_count=1, cancelled_count=5, running_count=9
    )

    assert (comparison.failed(stats), comparison.succeeded(stats)) == (Rate(3, 10), Rate(6, 10))


def test_a_successful_run_costs_what_all_runs_cost() -> None:
    assert comparison.cost_of_success(Stats(success_count=4, failure_count=6, cost_micro_usd=1_000)) == 250
    assert comparison.cost_of_success(Stats(failure_count=6, cost_micro_usd=1_000)) is None


def test_percentiles_of_few_runs_say_so() -> None:
    stats = Stats()
    stats.run_duration.count = 60
    stats.run_duration.p50.seconds = 3

    found = comparison.percentiles(stats)

    assert [(it.name, it.seconds, it.few) for it in found] == [
        ("p50", 3.0, False), ("p90", None, False), ("p95", None, True), ("p99", None, True),
    ]  # fmt: skip
