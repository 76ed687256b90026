"""PromQL that several panels are made of. `by` groups, `labels` narrow; all processes that are chosen count."""

from __future__ import annotations

OF_PROCESS = 'job=~"$job", instance=~"$instance"'
OF_AGENT = f'{OF_PROCESS}, project="$project", agent=~"$agent_regex"'
SERVICES = 'grpc_service=~"agenttrace[.].+"'
RATE = "[$__rate_interval]"
_CODES = 'grpc_code=~"Unknown|DeadlineExceeded|Internal|Unavailable|DataLoss"'


def of(metric: str, labels: str = "") -> str:
    """The series of a metric."""
    return f"{metric}{{{OF_PROCESS}{labels and ', '}{labels}}}"


def total(metric: str, by: str) -> str:
    """What a gauge says now, over all instances."""
    return f"sum by ({by}) ({of(metric)})"


def rate_of(metric: str, by: str = "", labels: str = "") -> str:
    """How much a counter grows each second, over all instances."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({of(metric, labels)}{RATE}))"


def increase_of(metric: str, window: str, by: str = "", labels: str = "") -> str:
    """How much a counter grew within a window, over all instances."""
    grouped = f" by ({by}) " if by else ""
    return f"sum{grouped}(increase({of(metric, labels)}[{window}]))"


def ratio(part: str, whole: str) -> str:
    """A part of a whole, where there is a whole."""
    return f"{part} / ({whole} > 0)"


def error_share(window: str) -> str:
    """The part of the calls that were answered with an error of ours."""
    handled = "grpc_server_handled_total"
    errors = increase_of(handled, window, labels=f"{SERVICES}, {_CODES}")
    return f"({ratio(errors, increase_of(handled, window, labels=SERVICES))})"


def quantile(q: float, metric: str, by: str = "", labels: str = "") -> str:
    """A quantile of a histogram, over all instances."""
    label = f", {by}" if by else ""
    return f"histogram_quantile({q}, sum by (le{label}) (rate({of(f'{metric}_bucket', labels)}{RATE})))"


def quantiles(metric: str, *qs: float, by: str = "", labels: str = "") -> list[tuple[str, str]]:
    """Quantiles of a histogram with their legends."""
    group = f"{{{{{by}}}}} " if by else ""
    return [(quantile(q, metric, by, labels), f"{group}p{q * 100:.0f}") for q in qs]
