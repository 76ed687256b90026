"""What the maintain process measures of agents in the database: the same whichever process asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agenttrace_server.metrics.declarations import Declared
from agenttrace_server.metrics.domain import ABANDONED, RunCounters
from agenttrace_server.records import AbandonedRuns, AgentActivity

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

_AGENT: Final = ("project", "agent")
_IN_PROGRESS = Declared("agenttrace_runs_in_progress", "gauge", _AGENT, "Runs that are RUNNING.", "")
_STALLED = Declared(
    "agenttrace_runs_stalled",
    "gauge",
    _AGENT,
    "Of these, runs of which nothing was received for more than half of their lease: they are about to be ABANDONED.",
    "",
)
_LAST_RUN = Declared(
    "agenttrace_agent_last_run_timestamp_seconds",
    "gauge",
    _AGENT,
    "When the agent's latest run started, since 1970; of agents that ran in the last 7 days or are running.",
    "",
)
_OLDEST = Declared(
    "agenttrace_oldest_open_run_age_seconds",
    "gauge",
    (),
    "How long ago the earliest run started that is RUNNING; 0 without any.",
    "",
)


class LiveRunMetrics(Collector):
    """The last measurement, shown until the next; nothing while there is none."""

    def __init__(self, declare: Declarations, *, agent_limit: int) -> None:
        self._runs = RunCounters(declare, agent_limit=agent_limit)
        self._agents: dict[tuple[str, str], AgentActivity] | None = None
        declare.collected(self, _IN_PROGRESS, _STALLED, _LAST_RUN, _OLDEST)

    def show(self, measured: Sequence[AgentActivity]) -> None:
        """Show a measurement from now on."""
        agents: dict[tuple[str, str], AgentActivity] = {}
        for activity in measured:
            labels = self._runs.caps.agent(activity.project, activity.agent_id)
            agents[labels] = activity.with_others(agents.get(labels))
            self._runs.finished.labels(*labels, ABANDONED)  # from 0 on
        self._agents = agents

    def show_nothing(self) -> None:
        """Show no measurement: an old one would look like a new one."""
        self._agents = None

    def count_abandoned(self, abandoned: Sequence[AbandonedRuns]) -> None:
        """Count runs that were marked ABANDONED for the first time."""
        for agent in abandoned:
            labels = self._runs.caps.agent(agent.project, agent.agent_id)
            self._runs.finished.labels(*labels, ABANDONED).inc(agent.first_count)

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        agents = self._agents
        if agents is None:
            return
        yield _family(_IN_PROGRESS, [(labels, agent.in_progress_count) for labels, agent in agents.items()])
        yield _family(_STALLED, [(labels, agent.stalled_count) for labels, agent in agents.items()])
        last = [(labels, agent.last_run_timestamp) for labels, agent in agents.items()]
        yield _family(_LAST_RUN, last)
        yield _family(_OLDEST, [((), max((agent.oldest_open_seconds for agent in agents.values()), default=0.0))])


def _family(declared: Declared, samples: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(declared.name, declared.meaning, labels=declared.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
