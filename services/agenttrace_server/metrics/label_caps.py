"""Keeps the number of series bounded: beyond a number of values, a label says `_OTHER`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

OTHER: Final = "_OTHER"
UNKNOWN: Final = "_UNKNOWN"
# Of models and projects there are few, unless their names are made of something else.
_MODELS: Final = 50
_PROJECTS: Final = 50


class LabelCaps:
    """The labels whose values agents and operators make. The first so many that are seen keep their names."""

    def __init__(self, declare: Declarations, *, agents: int) -> None:
        self._overflows = declare.counter(
            "agenttrace_label_overflow_total",
            "How often something was counted under `_OTHER`: there were too many projects, agents or models before.",
            ["label"],
        )
        self._projects = self._cap("project", _PROJECTS)
        self._agents = self._cap("agent", agents)
        self._models = self._cap("model", _MODELS)

    def agent(self, project: str, agent_id: str) -> tuple[str, str]:
        """Return the labels project and agent."""
        return self._scoped(self._agents, project, agent_id)

    def model(self, project: str, model: str) -> tuple[str, str]:
        """Return the labels project and model."""
        return self._scoped(self._models, project, model)

    def project(self, project: str) -> str:
        """Return the label project."""
        return self._projects(project) if project else UNKNOWN

    def _scoped(self, cap: Callable[[str, str], str], project: str, value: str) -> tuple[str, str]:
        """A name within its project. What has none is `_UNKNOWN`, which takes nobody's place."""
        label = self.project(project)
        return label, cap(value, label) if value else UNKNOWN

    def _cap(self, label: str, most: int) -> Callable[..., str]:
        overflows = self._overflows.labels(label)
        known: set[tuple[str, ...]] = set()

        def of(*value: str) -> str:
            if value not in known:
                if len(known) >= most:
                    overflows.inc()
                    return OTHER
                known.add(value)
            return value[0]

        return of
