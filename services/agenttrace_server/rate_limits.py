"""How much of a second's work one key may take: items and bytes of uploads, counted in this process."""

from __future__ import annotations

import math
import time
from asyncio import sleep
from collections.abc import Callable
from functools import partial

from agenttrace_server.errors import RateLimited
from agenttrace_server.metrics import Metrics

# What a key may be ahead of its rate before anything happens: uploads come in bursts.
_BURST_SECONDS = 1.0
# A short excess is waited for, which slows the client down without an error; a longer one is refused.
_PATIENCE_SECONDS = 1.0
_MAX_REMEMBERED = 10_000


class _Meter:
    """One rate, as the time until which what was taken is paid for."""

    __slots__ = ("_seconds_each", "name", "paid_until")

    def __init__(self, name: str, per_second: int) -> None:
        self.name = name
        self.paid_until = -math.inf
        self._seconds_each = 1 / per_second if per_second else 0.0

    def charge(self, amount: int, now: float) -> None:
        """Take an amount, however much it is."""
        begins = max(now, self.paid_until)
        self.paid_until = begins + amount * self._seconds_each


class Rate:
    """What one key takes."""

    __slots__ = ("_bytes", "_clock", "_items", "_limited")

    def __init__(
        self, items_per_second: int, bytes_per_second: int, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._items = _Meter("items", items_per_second)
        self._bytes = _Meter("bytes", bytes_per_second)
        self._limited = metrics.rate_limited
        self._clock = clock

    async def room(self) -> None:
        """Wait out a short excess; raise RateLimited where it is longer."""
        meter = self._items if self._items.paid_until > self._bytes.paid_until else self._bytes
        seconds = meter.paid_until - self._clock() - _BURST_SECONDS
        if seconds <= 0:
            return
        if seconds > _PATIENCE_SECONDS:
            self._limited.labels(meter.name).inc()
            raise RateLimited(meter.name, seconds)
        await sleep(seconds)

    def charge_bytes(self, size: int) -> None:
        """Count a message."""
        self._bytes.charge(size, self._clock())

    def charge_items(self, count: int) -> None:
        """Count a message's items."""
        self._items.charge(count, self._clock())

    def is_idle(self) -> bool:
        """Whether a new one would do as well."""
        return max(self._items.paid_until, self._bytes.paid_until) <= self._clock()


class Rates:
    """The rates of all keys. A limit of 0 is none."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        items_per_second: int = 0,
        bytes_per_second: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new = partial(Rate, items_per_second, bytes_per_second, metrics, clock)
        self._rates: dict[str, Rate] = {}

    def of(self, key_id: str) -> Rate:
        """Return a key's rate."""
        rate = self._rates.get(key_id)
        if rate is None:
            if len(self._rates) >= _MAX_REMEMBERED:
                self._rates = {key: rate for key, rate in self._rates.items() if not rate.is_idle()}
            rate = self._rates[key_id] = self._new()
        return rate
