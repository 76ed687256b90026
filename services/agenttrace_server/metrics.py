"""Every Prometheus metric of the services, declared once. Labels come from closed sets only."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from psycopg_pool.base import BasePool

_RPC_LABELS = ("grpc_type", "grpc_service", "grpc_method")
# OpenTelemetry's buckets for rpc.server.call.duration.
_RPC_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._pools: list[BasePool] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._declare_rpc()
        self._declare_ingest()
        self._declare_authentication()
        self._declare_transport()
        self.ready = Gauge(
            "agenttrace_ready", "1 while the dependency answers.", ["dependency"], registry=self.registry
        )
        build = Gauge("agenttrace_build_info", "What runs here.", ["version", "python"], registry=self.registry)
        build.labels(version("agenttrace-server"), platform.python_version()).set(1)

    def _declare_rpc(self) -> None:
        registry = self.registry
        self.rpc_started = Counter("grpc_server_started_total", "Calls that began.", _RPC_LABELS, registry=registry)
        self.rpc_handled = Counter(
            "grpc_server_handled_total",
            "Calls that ended, by status code.",
            [*_RPC_LABELS, "grpc_code"],
            registry=registry,
        )
        self.rpc_handling_seconds = Histogram(
            "grpc_server_handling_seconds",
            "From the start of a call to its end.",
            _RPC_LABELS,
            buckets=_RPC_BUCKETS,
            registry=registry,
        )

    def _declare_ingest(self) -> None:
        self._items = Counter(
            "agenttrace_ingest_items_total",
            "Items received: run, step, failure, attribute or message, by what became of them.",
            ["item", "outcome"],
            registry=self.registry,
        )
        # Looked up once: this is counted for every message.
        self._accepted = {item: self._items.labels(item, "accepted") for item in ("run", "step", "failure")}
        self._rejections = Counter(
            "agenttrace_ingest_rejections_total",
            "Items and attributes refused, by RejectionReason.",
            ["reason"],
            registry=self.registry,
        )
        self.ingest_unknown_fields = Counter(
            "agenttrace_ingest_unknown_fields_total",
            "Fields of uploads unknown to this release, discarded.",
            registry=self.registry,
        )

    def _declare_authentication(self) -> None:
        self.auth_failures = Counter(
            "agenttrace_auth_failures_total",
            "Calls refused for their API key: missing, malformed, unknown, wrong_secret, expired, revoked or scope.",
            ["reason"],
            registry=self.registry,
        )

    def _declare_transport(self) -> None:
        self.tls_certificate_expiry = Gauge(
            "agenttrace_tls_certificate_expiry_timestamp_seconds",
            "When the certificate that is served expires, since 1970; 0 without TLS.",
            registry=self.registry,
        )
        self.rate_limited = Counter(
            "agenttrace_rate_limited_total",
            "Calls refused or ended early at a limit of their key: items, bytes or streams.",
            ["limit"],
            registry=self.registry,
        )

    def count_items(self, item: str, *, accepted: int, duplicate: int) -> None:
        """Count items that were stored or known already."""
        if accepted:
            self._accepted[item].inc(accepted)
        if duplicate:
            self._items.labels(item, "duplicate").inc(duplicate)

    def count_rejection(self, item: str, reason: str) -> None:
        """Count one refused item."""
        self._items.labels(item, "rejected").inc()
        self._rejections.labels(reason).inc()

    def watch_pool(self, pool: BasePool) -> None:
        """Show a pool's state at every scrape, beside those of the other pools."""
        if not self._pools:
            self.registry.register(_PoolCollector(self._pools))
        self._pools.append(pool)


class _PoolCollector(Collector):
    """The state of the pools, read when it is scraped rather than by a timer."""

    def __init__(self, pools: Sequence[BasePool]) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """Yield the pools' gauges and counters."""
        connections = GaugeMetricFamily(
            "agenttrace_db_pool_connections", "Connections by state.", labels=["pool", "state"]
        )
        most = GaugeMetricFamily("agenttrace_db_pool_max_connections", "The most connections.", labels=["pool"])
        waiting = GaugeMetricFamily(
            "agenttrace_db_pool_requests_waiting", "Callers that wait for a connection.", labels=["pool"]
        )
        errors = CounterMetricFamily(
            "agenttrace_db_pool_request_errors", "Callers that got no connection.", labels=["pool"]
        )
        for pool in self._pools:
            name, stats = pool.name.removeprefix("agenttrace-"), pool.get_stats()
            connections.add_metric([name, "idle"], stats.get("pool_available", 0))
            connections.add_metric([name, "used"], stats.get("pool_size", 0) - stats.get("pool_available", 0))
            most.add_metric([name], stats.get("pool_max", 0))
            waiting.add_metric([name], stats.get("requests_waiting", 0))
            errors.add_metric([name], stats.get("requests_errors", 0))
        yield from (connections, most, waiting, errors)
