"""What a key may take before it has to wait, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from agenttrace_server import rate_limits
from agenttrace_server.errors import RateLimited
from agenttrace_server.metrics import Metrics
from agenttrace_server.rate_limits import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limits, "sleep", clock.sleep)
    return clock


def rates(clock: Clock, *, items: int = 0, size: int = 0) -> Rates:
    return Rates(Metrics(), items_per_second=items, bytes_per_second=size, clock=clock)


def test_a_seconds_worth_may_be_taken_at_once(clock: Clock) -> None:
    rate = rates(clock, items=100).of("key")

    rate.charge_items(100)

    asyncio.run(rate.room())


def test_more_than_a_short_excess_is_refused_until_the_rate_is_kept_again(clock: Clock) -> None:
    rate = rates(clock, items=100).of("key")
    rate.charge_items(500)

    with pytest.raises(RateLimited) as refused:
        asyncio.run(rate.room())

    assert refused.value.facts == {"limit": "items"}
    assert refused.value.retry_seconds == pytest.approx(4.0)
    clock.now += 4.0
    asyncio.run(rate.room())


def test_the_rate_is_kept_over_time(clock: Clock) -> None:
    rate = rates(clock, items=100).of("key")
    taken = 0
    for _ in range(1000):  # a hundred seconds of twice as much as may be
        clock.now += 0.1
        try:
            asyncio.run(rate.room())
        except RateLimited as refused:
            clock.now += refused.retry_seconds or 0.0
        rate.charge_items(20)
        taken += 20
    seconds = clock.now - 1000.0

    # One second's worth at once, one that is waited for, and the last twenty.
    assert 100 * seconds <= taken <= 100 * (seconds + 2) + 20


def test_the_limit_that_is_passed_the_most_counts(clock: Clock) -> None:
    rate = rates(clock, items=100, size=1000).of("key")
    rate.charge_items(500)
    rate.charge_bytes(10_000)

    with pytest.raises(RateLimited) as refused:
        asyncio.run(rate.room())

    assert (refused.value.facts, refused.value.retry_seconds) == ({"limit": "bytes"}, pytest.approx(9.0))


def test_one_key_does_not_pay_for_another(clock: Clock) -> None:
    both = rates(clock, items=1)
    both.of("loud").charge_items(1000)

    asyncio.run(both.of("calm").room())


def test_no_limit_is_no_limit(clock: Clock) -> None:
    rate = rates(clock).of("key")

    rate.charge_items(10**12)
    rate.charge_bytes(10**15)

    asyncio.run(rate.room())


def test_many_keys_are_forgotten_and_those_in_debt_are_not(clock: Clock) -> None:
    all_rates = rates(clock, items=1)
    loud = all_rates.of("loud")
    loud.charge_items(1000)
    for number in range(9_999):
        all_rates.of(str(number))

    all_rates.of("one more")

    assert len(all_rates._rates) == 2
    assert all_rates.of("loud") is loud
