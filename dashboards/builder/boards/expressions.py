"""PromQL that several panels are made of."""

from __future__ import annotations

from dashboards.builder.boards.shared import OF_PROCESS as P

SERVICES = 'grpc_service=~"agenttrace[.].+"'
RATE = "[$__rate_interval]"
_CODES = 'grpc_code=~"Unknown|DeadlineExceeded|Internal|Unavailable|DataLoss"'


def error_share(window: str) -> str:
    """The part of the calls that were answered with an error of ours."""
    calls = f"grpc_server_handled_total{{{P}, {SERVICES}"
    return f"(sum(increase({calls}, {_CODES}}}[{window}])) / (sum(increase({calls}}}[{window}])) > 0))"


def quantile(q: float, metric: str, by: str = "", labels: str = "") -> str:
    """A quantile of a histogram, over all instances."""
    label = f", {by}" if by else ""
    return f"histogram_quantile({q}, sum by (le{label}) (rate({metric}_bucket{{{P}{labels}}}{RATE})))"


def rate_of(metric: str, by: str = "", labels: str = "") -> str:
    """How much a counter grows each second, over all instances."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{P}{labels}}}{RATE}))"
