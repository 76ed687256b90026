"""The metrics that every process has, whatever service it is."""

from __future__ import annotations

import platform
from importlib.metadata import version

from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from agenttrace_server.metrics.boundary import AUTH_FAILURES, RATE_LIMITS
from agenttrace_server.metrics.calls import CallMetrics
from agenttrace_server.metrics.database import DatabaseMetrics
from agenttrace_server.metrics.declarations import Declarations


class Metrics(Declarations):
    """The metrics of one process; what one service alone has is declared with it as well."""

    def __init__(self, revision: str = "") -> None:
        super().__init__()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._declare_process(revision)
        self._declare_boundary()
        self.calls = CallMetrics(self)
        self.database = DatabaseMetrics(self)

    def _declare_process(self, revision: str) -> None:
        build = self.gauge("agenttrace_build_info", "What runs here; always 1.", ["version", "revision", "python"])
        build.labels(version("agenttrace-server"), revision or "unknown", platform.python_version()).set(1)
        self.ready = self.gauge("agenttrace_ready", "1 while the dependency answers.", ["dependency"])
        self.schema_version = self.gauge(
            "agenttrace_schema_version", "Number of the latest migration of the database, as last seen."
        )

    def _declare_boundary(self) -> None:
        self.auth_failures = self.counter(
            "agenttrace_auth_failures_total",
            "Calls refused for their API key: missing, malformed, unknown, wrong_secret, expired, revoked or scope.",
            ["reason"],
        )
        self.rate_limited = self.counter(
            "agenttrace_rate_limited_total",
            "Calls refused or ended early at a limit of their key: items, bytes or streams.",
            ["limit"],
        )
        self.tls_certificate_expiry = self.gauge(
            "agenttrace_tls_certificate_expiry_timestamp_seconds",
            "When the certificate that is served expires, since 1970; 0 without TLS.",
        )
        for reason in AUTH_FAILURES:
            self.auth_failures.labels(reason)
        for limit in RATE_LIMITS:
            self.rate_limited.labels(limit)
