"""What goes wrong, where, and since when."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.fields import (
    ANY_IS_BAD,
    FAILURE_RATE,
    FAILURE_TYPES,
    RUN_COLUMNS,
    RUNS_OF_AGENT,
    STATUS,
    Column,
    Json,
    board_link,
)
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import POSTGRES, promql, row, sql, stat, table, timeseries

_SQL = statements.load("failures")
_HEAT = [(None, "transparent"), (1, "yellow"), (10, "orange"), (100, "red")]
_WHAT_TO_DO = {
    "TOOL": "Look at which tool in the table below, and at that tool's own monitoring.",
    "MODEL": "Look at the codes: rate limits call for backoff or quota, invalid schemas for the prompt or the model.",
    "RETRIEVAL": "Look at the source: an empty result is a missing document, a timeout the index.",
    "ORCHESTRATION": "The agent's own logic: look at the version table, then at the trace of a run.",
}
_FROM_TO = ("project", "agent", "env", "failure_type")


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-failures",
        "Agents / Failures",
        "What goes wrong, by type, code, agent and version, down to a run.",
        [*shared.filters(), shared.failure_types(), *shared.promql_beside_sql()],
        [*_numbers(), *_over_time(), *_where(), *_codes(), row("After a failure"), *_afterwards()],
        annotations=[_deployments()],
    )


def _numbers() -> list[Json]:
    runs = [board_link("Open these runs", "agenttrace-runs", keeping=_FROM_TO)]
    rate = stat(
        "Failure rate",
        "FAILURE and ABANDONED among the runs that ended on their own, beside the range before. "
        "Recovered failures are not in it: they are counted on the right.",
        sql(_SQL["failure_rate"], series=True),
        unit="percentunit",
        steps=FAILURE_RATE,
        change="inverted",
        decimals=1,
        w=4,
        h=4,
        empty="No run has ended",
        links=runs,
    )
    counts = [
        stat(
            f"{name.capitalize()} failures",
            f"Failures of type {name}, those that recovered included, beside the range before. {_WHAT_TO_DO[name]}",
            sql(_SQL["of_type"].replace("{type}", name), series=True),
            unit="short",
            steps=ANY_IS_BAD,
            change="inverted",
            w=4,
            h=4,
            links=runs,
        )
        for name in FAILURE_TYPES
    ]
    recovered = stat(
        "Recovered",
        "Failures after which a later attempt of the same step worked. Low: retrying does not help "
        "here, so look for permanent faults. High: retries hide a weak dependency.",
        sql(_SQL["recovered"]),
        unit="percentunit",
        decimals=0,
        w=4,
        h=4,
        empty="No failure",
    )
    return [rate, *counts, recovered]


def _over_time() -> list[Json]:
    rate = f"sum by (type) (rate(agenttrace_failures_total{{{shared.OF_AGENT}}}[$__rate_interval]))"
    return [
        timeseries(
            "Failures by type",
            "When failures occurred; vertical lines are the first runs of new versions. A type that "
            "begins at a line is that version's fault.",
            sql(_SQL["over_time"], series=True),
            unit="short",
            bars=True,
            names=FAILURE_TYPES,
            w=12,
            h=9,
            empty="No failure in this time range",
        ),
        timeseries(
            "Failures per second",
            "The same from the metrics that the alerts use. The diamonds are examples: choose one to open its run.",
            promql(rate, "{{type}}", exemplars=True),
            unit="ops",
            names=FAILURE_TYPES,
            w=12,
            h=9,
            empty="No failure in this time range",
        ),
    ]


def _where() -> list[Json]:
    agent = Column(title="Agent", url=RUNS_OF_AGENT, link_title="Runs of this agent")
    heat = {
        name: Column(title=name.capitalize(), steps=_HEAT, background=True)
        for name in ("tool", "model", "retrieval", "orchestration")
    }
    versions = {
        "agent": agent,
        "version": Column(title="Version"),
        "runs": Column(title="Runs"),
        "failure_rate": Column(title="Failure rate", unit="percentunit", steps=FAILURE_RATE, gauge=True),
        "first_run": Column(title="First run"),
        "last_run": Column(title="Last run", unit="dateTimeFromNow"),
    }
    steps = {
        "step_type": Column(title="Step"),
        "used": Column(title="Tool, model or source"),
        "type": Column(title="Failure", words=FAILURE_TYPES),
        "code": Column(title="Code"),
        "failures": Column(title="Failures", gauge=True),
        "runs": Column(title="Runs"),
    }
    return [
        table(
            "Agents and types",
            "Failures of each agent by type, the more the redder. A red column is a shared dependency, a "
            "red row one agent.",
            sql(_SQL["type_by_agent"]),
            {"agent": agent, **heat, "failures": Column(title="All")},
            w=8,
            h=9,
            empty="No failure in this time range",
        ),
        table(
            "Versions",
            "The failure rate of each version, newest first. A new version that is redder than the one below it "
            "is a regression: go back to that.",
            sql(_SQL["versions"]),
            versions,
            w=8,
            h=9,
        ),
        table(
            "Tools, models and sources",
            "What failed and how, of the latest 20,000 failures. The first line is the dependency to look at.",
            sql(_SQL["by_step"]),
            steps,
            w=8,
            h=9,
            empty="No failure of a step",
        ),
    ]


def _codes() -> list[Json]:
    codes = {
        "type": Column(title="Type", words=FAILURE_TYPES),
        "code": Column(title="Code"),
        "title": Column(title="What it means"),
        "failures": Column(title="Failures", gauge=True),
        "runs": Column(title="Runs"),
        "agents": Column(title="Agents"),
        "first_seen": Column(title="First seen"),
        "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
        "remedy": Column(title="What to do", width=400),
        **RUN_COLUMNS,
    }
    latest = {
        **RUN_COLUMNS,
        "occur_time": Column(title="Time"),
        "agent": Column(title="Agent"),
        "version": Column(title="Version"),
        "type": Column(title="Type", words=FAILURE_TYPES),
        "code": Column(title="Code"),
        "status": STATUS,
        "exception_type": Column(title="Exception"),
    }
    return [
        table(
            "Codes",
            "The most frequent codes with what to do about them. The last column is the latest run that had it.",
            sql(_SQL["codes"]),
            codes,
            w=24,
            h=10,
            empty="No failure in this time range",
        ),
        table(
            "Latest failures",
            "The newest failures. Choose a run id to see its trace; several with the same code in a row are one fault.",
            sql(_SQL["latest"]),
            latest,
            w=24,
            h=10,
            empty="No failure in this time range",
        ),
    ]


def _afterwards() -> list[Json]:
    success = {
        "agent": Column(title="Agent", url=RUNS_OF_AGENT, link_title="Runs of this agent"),
        "median_seconds": Column(title="Median", unit="s"),
        "longest_seconds": Column(title="Longest", unit="s"),
        "not_yet": Column(title="Not yet", steps=ANY_IS_BAD),
    }
    ends = {
        "type": Column(title="Type", words=FAILURE_TYPES),
        "success": Column(title="Success"),
        "partial": Column(title="Partial"),
        "failed": Column(title="Failed", steps=ANY_IS_BAD),
        "neither": Column(title="Running or cancelled"),
    }
    return [
        table(
            "Time to the next good run",
            "From a failed run to the start of the agent's next that did not fail. 'Not yet' "
            "counts failed runs that none has followed: those agents are down now.",
            sql(_SQL["time_to_success"]),
            success,
            w=12,
            h=8,
            empty="No failed run",
        ),
        table(
            "How runs with failures ended",
            "The outcome of runs by the types of failure they had. A type that mostly ends "
            "in success is handled; one that ends in failure needs a retry or a fallback.",
            sql(_SQL["type_to_status"]),
            ends,
            w=12,
            h=8,
            empty="No failure in this time range",
        ),
    ]


def _deployments() -> Json:
    target = {"refId": "Anno", "rawSql": _SQL["deployments"], "rawQuery": True, "format": "table", "editorMode": "code"}
    return {
        "name": "New versions",
        "datasource": POSTGRES,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": target | {"datasource": POSTGRES},
    }
