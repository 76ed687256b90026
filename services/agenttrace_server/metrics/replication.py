"""How far the database of a query service is behind, where it is a replica."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agenttrace_server.metrics.declarations import Declared

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

_LAG: Final = Declared(
    "agenttrace_db_replication_lag_seconds",
    "gauge",
    (),
    "How far the database is behind its primary; absent on a primary, and while it does not answer.",
    "",
)


class ReplicationMetrics(Collector):
    """The lag as last measured; nothing while there is none."""

    def __init__(self, declare: Declarations) -> None:
        self._seconds: float | None = None
        declare.collected(self, _LAG)

    def show(self, seconds: float | None) -> None:
        """Show a measurement from now on; None: there is none."""
        self._seconds = seconds

    def collect(self) -> Iterable[Metric]:
        """Yield the gauge where there is a value."""
        if self._seconds is not None:
            yield GaugeMetricFamily(_LAG.name, _LAG.meaning, value=self._seconds)
