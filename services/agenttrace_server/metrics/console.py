"""What the web console counts: requests by route, never by address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

# OpenTelemetry's for http.server.request.duration.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class ConsoleMetrics:
    """Requests to the console."""

    def __init__(self, declare: Declarations) -> None:
        otel = "http.server.request.duration"
        self._requests = declare.counter(
            "agenttrace_http_requests_total",
            "Requests to the console, by route.",
            ["method", "route", "status"],
            otel=f"count of `{otel}`",
        )
        self._seconds = declare.histogram(
            "agenttrace_http_request_duration_seconds",
            "From a request to the console to the first byte of its answer; a live page has no last.",
            _SECONDS,
            ["route"],
            otel=f"`{otel}`",
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `seconds`: until its answer began."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
