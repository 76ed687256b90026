"""Exemplars: the run to look at behind a number."""

from __future__ import annotations

from agenttrace_server import limits


def labels_of(run_id: str) -> dict[str, str] | None:
    """Return an exemplar's labels; None for what is no run's id. Far below OpenMetrics' limit of 128 characters."""
    return {"run_id": run_id} if limits.UUID.fullmatch(run_id) else None
