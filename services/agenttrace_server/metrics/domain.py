"""What is counted of agents: their runs, steps and failures, as they are newly stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import compress
from operator import sub
from typing import TYPE_CHECKING, Any, Final

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server.metrics.batch_histogram import BatchSeries
from agenttrace_server.metrics.exemplars import labels_of
from agenttrace_server.metrics.label_caps import LabelCaps
from agenttrace_server.records import EncodedRow, FinishedRun, RunEvents

if TYPE_CHECKING:
    import prometheus_client

    from agenttrace_server.metrics.declarations import Declarations

_AGENT: Final = ("project", "agent")
_RUN_SECONDS: Final = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
# OpenTelemetry's for gen_ai.client.operation.duration.
_STEP_SECONDS: Final = tuple(round(0.01 * 2**power, 2) for power in range(14))
_MICROSECONDS: Final = 1_000_000


def _names(enum: Any) -> dict[int, str]:
    """An enum's values by number, as they are stored."""
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return {number: name.removeprefix(prefix) for name, number in enum.items() if number}


STEP_TYPES: Final = _names(step_pb2.StepType)
STEP_STATUSES: Final = _names(step_pb2.StepStatus)
FAILURE_TYPES: Final = _names(failure_pb2.FailureType)
# ABANDONED is said by the maintain process, and counted there.
ENDS: Final = tuple(name for name in _names(run_pb2.RunStatus).values() if name not in ("RUNNING", "ABANDONED"))
ABANDONED: Final = "ABANDONED"
# The others begin with an agent's first such step: few have any, and each is two series an agent.
_USUAL_STEP_TYPES: Final = ("PLAN", "RETRIEVE", "TOOL", "MODEL", "RESPOND")


class RunCounters:
    """The metrics of ended runs, which two services count: one what clients tell, one what nobody tells."""

    def __init__(self, declare: Declarations, *, agent_limit: int) -> None:
        self.caps = LabelCaps(declare, agents=agent_limit)
        self.finished = declare.counter(
            "agenttrace_runs_finished_total",
            "Runs by the status of their first end: the ingest service has SUCCESS, FAILURE, PARTIAL and CANCELLED, "
            "the maintain process ABANDONED.",
            [*_AGENT, "status"],
        )


class AgentSeries:
    """The series of one agent, looked up once."""

    def __init__(self, metrics: DomainMetrics, labels: tuple[str, str]) -> None:
        self._step_counter = metrics.steps
        self._labels = labels
        self.started = metrics.started.labels(*labels)
        self.finished = {status: metrics.runs.finished.labels(*labels, status) for status in ENDS}
        self.run_seconds: BatchSeries = metrics.run_seconds.labels(*labels)
        self._steps: dict[tuple[int, int], prometheus_client.Counter] = {}
        for type_, name in STEP_TYPES.items():
            if name in _USUAL_STEP_TYPES:
                self._begin_steps(type_)
        self.failures = {type_: metrics.failures.labels(*labels, name) for type_, name in FAILURE_TYPES.items()}
        self.cost = metrics.cost.labels(*labels)

    def steps(self, type_: int, status: int) -> prometheus_client.Counter:
        """Return the counter of steps."""
        if (type_, status) not in self._steps:
            self._begin_steps(type_)
        return self._steps[type_, status]

    def _begin_steps(self, type_: int) -> None:
        for status, name in STEP_STATUSES.items():
            self._steps[type_, status] = self._step_counter.labels(*self._labels, STEP_TYPES[type_], name)


class DomainMetrics:
    """Runs, steps and failures of agents; `agent_limit`: how many agents have series of their own."""

    def __init__(self, declare: Declarations, *, agent_limit: int) -> None:
        self.runs = RunCounters(declare, agent_limit=agent_limit)
        self._agents: dict[tuple[str, str], AgentSeries] = {}
        self._declare_runs(declare)
        self._declare_steps(declare)
        self._step_seconds = {type_: self.step_seconds.labels(name) for type_, name in STEP_TYPES.items()}

    def _declare_runs(self, declare: Declarations) -> None:
        self.started = declare.counter(
            "agenttrace_runs_started_total",
            "Runs of which something was stored for the first time, under agent `_UNKNOWN` where that told none.",
            _AGENT,
        )
        self.corrections = declare.counter(
            "agenttrace_run_status_corrections_total",
            "Runs that were counted as finished and whose status a later message changed; not counted there again.",
            ["project"],
        )
        self.run_seconds = declare.batch_histogram(
            "agenttrace_run_duration_seconds",
            "From a run's start to its first end, of runs whose start was told. Exemplar: the run.",
            _RUN_SECONDS,
            _AGENT,
            otel="`gen_ai.client.operation.duration` of `invoke_agent`",
        )

    def _declare_steps(self, declare: Declarations) -> None:
        self.steps = declare.counter(
            "agenttrace_steps_total", "Steps; each attempt is one.", [*_AGENT, "type", "status"]
        )
        self.step_seconds = declare.batch_histogram(
            "agenttrace_step_duration_seconds",
            "From the start of a step to its end.",
            _STEP_SECONDS,
            ["type"],
            otel="`gen_ai.client.operation.duration`, of type MODEL",
        )
        self.failures = declare.counter(
            "agenttrace_failures_total",
            "Failures, those included from which a later attempt recovered. Exemplar: a run.",
            [*_AGENT, "type"],
        )
        self.tokens = declare.counter(
            "agenttrace_tokens_total",
            "Tokens of model calls by the model that answered, input as the provider counts it: some with those from "
            "its cache, some without.",
            ["project", "model", "direction"],
            otel="sum of `gen_ai.client.token.usage`, by `gen_ai.token.type`",
        )
        self.cost = declare.counter(
            "agenttrace_cost_usd_total", "What agents say that model calls cost, in US dollars.", _AGENT
        )

    def expect(self, project: str, agent_id: str) -> None:
        """Begin the series of an agent at 0: one that is born at 1 has no increase."""
        self._agent(project, agent_id)

    def count_runs(self, project: str, events: RunEvents) -> None:
        """Count what happened to runs."""
        agents = events.agents
        for agent_id, count in Counter([agents[run_id] for run_id in events.started]).items():
            self._agent(project, agent_id).started.inc(count)
        finished: dict[tuple[str, str], list[FinishedRun]] = defaultdict(list)
        for run in events.finished:
            finished[agents[run.run_id], run.status].append(run)
        for (agent_id, status), runs in finished.items():
            _count_finished(self._agent(project, agent_id), status, runs)
        if events.corrected_count:
            self.corrections.labels(self.runs.caps.project(project)).inc(events.corrected_count)

    def count_steps(self, project: str, events: RunEvents, steps: Sequence[EncodedRow]) -> None:
        """Count steps that were newly stored: by column, for loops over all rows cost several times as much."""
        _, run_ids, starts, _, ends, types, statuses, models = zip(*steps, strict=True)
        agents = [events.agents[run_id] for run_id in run_ids]
        for (agent_id, type_, status), count in Counter(zip(agents, types, statuses, strict=True)).items():
            self._agent(project, agent_id).steps(type_, status).inc(count)
        durations = list(map(sub, ends, starts))
        for type_ in set(types):
            of_type = compress(durations, [other == type_ for other in types])
            self._step_seconds[type_].observe_sorted(sorted(of_type), per_unit=_MICROSECONDS)
        uses = [(agent_id, *use) for agent_id, use in zip(agents, models, strict=True) if use is not None]
        if uses:
            self._count_models(project, uses)

    def _count_models(self, project: str, uses: Sequence[tuple[str, str, int, int, int]]) -> None:
        agents, models, inputs, outputs, costs = zip(*uses, strict=True)
        for direction, amounts in (("input", inputs), ("output", outputs)):
            for model, tokens in _sums(models, amounts).items():
                self.tokens.labels(*self.runs.caps.model(project, model), direction).inc(tokens)
        for agent_id, cost in _sums(agents, costs).items():
            self._agent(project, agent_id).cost.inc(cost / 1e6)

    def count_failures(self, project: str, events: RunEvents, failures: Sequence[EncodedRow]) -> None:
        """Count failures that were newly stored."""
        runs: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row in failures:
            runs[events.agents[row.run_id], row.type].append(row.run_id)
        for (agent_id, type_), run_ids in runs.items():
            self._agent(project, agent_id).failures[type_].inc(len(run_ids), labels_of(run_ids[-1]))

    def _agent(self, project: str, agent_id: str) -> AgentSeries:
        labels = self.runs.caps.agent(project, agent_id)
        series = self._agents.get(labels)
        if series is None:
            series = self._agents[labels] = AgentSeries(self, labels)
        return series


def _count_finished(agent: AgentSeries, status: str, runs: Sequence[FinishedRun]) -> None:
    agent.finished[status].inc(len(runs))
    timed = sorted((run.seconds, run.run_id) for run in runs if run.seconds is not None)
    if timed:
        agent.run_seconds.observe_sorted([seconds for seconds, _ in timed[:-1]])
        # The longest of them is the one to look at.
        agent.run_seconds.observe(*timed[-1])


def _sums(keys: Sequence[str], amounts: Sequence[int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, amount in zip(keys, amounts, strict=True):
        sums[key] = sums.get(key, 0) + amount
    return sums
