"""Every Prometheus metric of the services, declared once. Labels come from closed or capped sets only."""

from agenttrace_server.metrics.console import ConsoleMetrics
from agenttrace_server.metrics.domain import DomainMetrics
from agenttrace_server.metrics.ingest import IngestMetrics
from agenttrace_server.metrics.live_runs import LiveRunMetrics
from agenttrace_server.metrics.metrics import Metrics
from agenttrace_server.metrics.replication import ReplicationMetrics

__all__ = ["ConsoleMetrics", "DomainMetrics", "IngestMetrics", "LiveRunMetrics", "Metrics", "ReplicationMetrics"]
