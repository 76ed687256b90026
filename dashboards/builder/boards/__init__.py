"""The dashboards, one a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboards.builder.boards import cost, data, failures, overview, run, runs, service

BOARDS: tuple[Callable[[], dict[str, Any]], ...] = (
    overview.build,
    runs.build,
    run.build,
    failures.build,
    cost.build,
    service.build,
    data.build,
)
