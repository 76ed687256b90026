"""What is counted of calls, under the names that public gRPC dashboards know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc

from agenttrace_server.metrics.exemplars import labels_of
from agenttrace_server.metrics.label_caps import OTHER

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

_CALL: Final = ("grpc_type", "grpc_service", "grpc_method")
# OpenTelemetry's for rpc.server.call.duration.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# As the gRPC libraries of Go and Java spell them, and so the dashboards.
CODES: Final = {code.name: code.name.title().replace("_", "") for code in grpc.StatusCode} | {
    "OK": "OK",
    "CANCELLED": "Canceled",
}

Call = tuple[str, str, str]


class MethodSeries:
    """The series of one method, looked up once."""

    def __init__(self, metrics: CallMetrics, call: Call) -> None:
        self._started = metrics.started.labels(*call)
        self._call = call
        self._handled = metrics.handled
        self._seconds = metrics.seconds.labels(*call)
        self._in_flight = metrics.in_flight.labels(*call[1:])
        self.received = metrics.received.labels(*call)
        self.sent = metrics.sent.labels(*call)

    def begin(self) -> None:
        """Count a call that begins."""
        self._started.inc()
        self._in_flight.inc()

    def end(self, code: str, seconds: float, run_id: str) -> None:
        """Count a call that has ended, with the name of its status code and a run it was about, "" for none."""
        self._in_flight.dec()
        self._handled.labels(*self._call, CODES[code]).inc()
        self._seconds.observe(seconds, labels_of(run_id))


class CallMetrics:
    """Calls by kind, service and method."""

    def __init__(self, declare: Declarations) -> None:
        self._methods: dict[Call, MethodSeries] = {}
        otel = "rpc.server.call.duration"
        self.started = declare.counter("grpc_server_started_total", "Calls that began.", _CALL)
        self.handled = declare.counter(
            "grpc_server_handled_total",
            "Calls that ended, by status code. A cancelled one ends as Canceled.",
            [*_CALL, "grpc_code"],
            otel=f"count of `{otel}`, by `rpc.response.status_code`",
        )
        self.received = declare.counter("grpc_server_msg_received_total", "Messages received of clients.", _CALL)
        self.sent = declare.counter("grpc_server_msg_sent_total", "Messages sent to clients.", _CALL)
        self.seconds = declare.histogram(
            "grpc_server_handling_seconds",
            "From the start of a call to its end; a stream's is how long it was open. Exemplar: a run of the call.",
            _SECONDS,
            _CALL,
            otel=f"`{otel}`",
        )
        self.in_flight = declare.gauge(
            "agenttrace_rpc_in_flight", "Calls that have begun and not ended.", ["grpc_service", "grpc_method"]
        )

    def method(self, kind: str, service: str, method: str) -> MethodSeries:
        """Return the series of a method."""
        call = (kind, service, method)
        series = self._methods.get(call)
        if series is None:
            series = self._methods[call] = MethodSeries(self, call)
        return series

    def expect(self, kind: str, service: str, method: str) -> None:
        """Begin all series of a method at 0: one that is born at 1 has no increase."""
        self.method(kind, service, method)
        for code in CODES.values():
            self.handled.labels(kind, service, method, code)

    def count_unknown_method(self) -> None:
        """Count a call of a method that there is not; its name is whatever a client sent."""
        series = self.method("unary", OTHER, OTHER)
        series.begin()
        series.end(grpc.StatusCode.UNIMPLEMENTED.name, 0.0, "")
