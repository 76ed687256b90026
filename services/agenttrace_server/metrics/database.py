"""What is counted of the database: the pools of connections, and how long transactions take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agenttrace_server.metrics.declarations import Declared

if TYPE_CHECKING:
    from psycopg_pool.base import BasePool

    from agenttrace_server.metrics.declarations import Declarations

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_Stats = dict[str, Any]


class _Figure(NamedTuple):
    """One metric of a pool: how it is declared, and what reads it from the pool's statistics, by state."""

    declared: Declared
    read: dict[str, Callable[[_Stats], float]]


def _figure(
    name: str,
    kind: str,
    meaning: str,
    otel: str,
    read: Callable[[_Stats], float] | dict[str, Callable[[_Stats], float]],
) -> _Figure:
    labels = ("pool", "state") if isinstance(read, dict) else ("pool",)
    declared = Declared(f"agenttrace_db_pool_{name}", kind, labels, meaning, otel)
    return _Figure(declared, read if isinstance(read, dict) else {"": read})


def _stat(name: str, scale: float = 1) -> Callable[[_Stats], float]:
    return lambda stats: stats.get(name, 0) * scale


_FIGURES: Final = (
    _figure(
        "connections",
        "gauge",
        "Connections by state: idle or used.",
        "`db.client.connection.count`",
        {
            "idle": _stat("pool_available"),
            "used": lambda stats: stats.get("pool_size", 0) - stats.get("pool_available", 0),
        },
    ),
    _figure("max_connections", "gauge", "The most connections.", "`db.client.connection.max`", _stat("pool_max")),
    _figure(
        "requests_waiting",
        "gauge",
        "Callers that wait for a connection.",
        "`db.client.connection.pending_requests`",
        _stat("requests_waiting"),
    ),
    _figure("requests_total", "counter", "Connections asked for.", "", _stat("requests_num")),
    _figure("requests_queued_total", "counter", "Callers that had to wait.", "", _stat("requests_queued")),
    _figure(
        "wait_seconds_total",
        "counter",
        "How long they waited, added up.",
        "sum of `db.client.connection.wait_time`",
        _stat("requests_wait_ms", 0.001),
    ),
    _figure(
        "usage_seconds_total",
        "counter",
        "How long connections were used, added up.",
        "sum of `db.client.connection.use_time`",
        _stat("usage_ms", 0.001),
    ),
    _figure(
        "request_errors_total",
        "counter",
        "Callers that got no connection.",
        "`db.client.connection.timeouts`",
        _stat("requests_errors"),
    ),
    _figure(
        "connections_lost_total",
        "counter",
        "Connections that were found broken.",
        "",
        lambda stats: stats.get("connections_lost", 0) + stats.get("returns_bad", 0),
    ),
)


class DatabaseMetrics:
    """The pools of a process, and its transactions by what they are for."""

    def __init__(self, declare: Declarations) -> None:
        self._pools: list[BasePool] = []
        declare.collected(_PoolCollector(self._pools), *(figure.declared for figure in _FIGURES))
        self._seconds = declare.histogram(
            "agenttrace_db_query_seconds",
            "How long transactions took, from their beginning to their commit, by what they are for.",
            _SECONDS,
            ["operation"],
            otel="`db.client.operation.duration`, by `db.operation.name`",
        )

    def watch(self, pool: BasePool) -> None:
        """Show a pool's state at every scrape."""
        self._pools.append(pool)

    def took(self, operation: str, seconds: float) -> None:
        """Count a transaction."""
        self._seconds.labels(operation).observe(seconds)


class _PoolCollector(Collector):
    """The state of the pools, read when it is scraped rather than by a timer."""

    def __init__(self, pools: Sequence[BasePool]) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """Yield each figure of all pools."""
        stats = [(pool.name.removeprefix("agenttrace-"), pool.get_stats()) for pool in self._pools]
        for declared, reads in _FIGURES:
            kind = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
            family = kind(declared.name, declared.meaning, labels=declared.labels)
            for name, found in stats:
                for state, read in reads.items():
                    family.add_metric([name, state] if state else [name], read(found))
            yield family
