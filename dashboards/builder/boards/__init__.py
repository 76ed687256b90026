"""The dashboards, one a module."""

from __future__ import annotations

from collections.abc import Callable

from dashboards.builder.boards import cost, data, failures, overview, run, runs, service
from dashboards.builder.fields import Json

BOARDS: tuple[Callable[[], Json], ...] = (
    overview.build,
    runs.build,
    run.build,
    failures.build,
    cost.build,
    service.build,
    data.build,
)
