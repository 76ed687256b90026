"""Finding runs."""

from __future__ import annotations

from dashboards.builder import statements, variables
from dashboards.builder.boards import shared
from dashboards.builder.fields import (
    ANY_IS_BAD,
    FAILURE_RATE,
    OUTCOMES,
    RUN_COLUMNS,
    STATUS,
    Column,
    Json,
    board_link,
)
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import histogram, sql, stat, table, timeseries

_SQL = statements.load("runs")
_BOUND = "Looks at the newest 20,000 runs of the agents, environments and outcomes chosen."


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-runs",
        "Agents / Run explorer",
        "Lists runs by what is known of them. Choose a run to see its trace.",
        [*shared.filters(), *_filters()],
        [*_numbers(), *_pictures(), _table()],
    )


def _filters() -> list[Json]:
    return [
        variables.many_of("status", "Outcome", list(OUTCOMES)),
        shared.failure_types(),
        variables.many("model", "Model", shared.variable_statements()["model"]),
        variables.text("tag", "Tag or key=value", "A tag of the run, or an attribute as key=value."),
        variables.text("search", "Begins with", "How a run id, agent, session or failure code begins."),
        variables.text("min_duration_s", "At least seconds", "Runs that took at least so many seconds."),
        variables.one_of("order", "Order", ["newest", "slowest", "costliest"]),
        variables.one_of("limit", "Rows", ["500", "100", "2000"]),
    ]


def _numbers() -> list[Json]:
    failures = [board_link("Open the failures", "agenttrace-failures")]
    return [
        stat(
            "Runs found",
            f"How many runs the filters find. {_BOUND} Narrow the time range where it says 20,000.",
            sql(_SQL["matched_runs"]),
            unit="short",
            w=6,
            h=4,
        ),
        stat(
            "Failure rate",
            "FAILURE and ABANDONED among those found that ended on their own. Change one filter at a time "
            "to see which of them makes the difference.",
            sql(_SQL["matched_failed"]),
            unit="percentunit",
            steps=FAILURE_RATE,
            decimals=1,
            w=6,
            h=4,
            empty="None has ended",
            links=failures,
        ),
        stat(
            "Failures",
            "All failures of the runs found, those that recovered included. Many failures in few failed runs: "
            "retries work, and cost time.",
            sql(_SQL["matched_failures"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=6,
            h=4,
            links=failures,
        ),
        stat(
            "Cost",
            "What the runs found cost, as their agents report. Order by costliest to see where it goes.",
            sql(_SQL["matched_cost"]),
            unit="currencyUSD",
            w=6,
            h=4,
        ),
    ]


def _pictures() -> list[Json]:
    return [
        timeseries(
            "Runs over time",
            "When the runs found began, by outcome. Drag over a part to look at that time alone.",
            sql(_SQL["over_time"], series=True),
            unit="short",
            bars=True,
            names=OUTCOMES,
            w=16,
            h=7,
        ),
        histogram(
            "Durations",
            "How long the runs found took. Two humps are two kinds of work: split them by agent or "
            "model. A long tail: order by slowest.",
            sql(_SQL["durations"]),
            unit="s",
            w=8,
            h=7,
            empty="None has ended",
        ),
    ]


def _table() -> Json:
    columns = {
        **RUN_COLUMNS,
        "agent": Column(title="Agent"),
        "version": Column(title="Version"),
        "environment": Column(title="Environment"),
        "status": STATUS,
        "start_time": Column(title="Started", width=160),
        "duration_seconds": Column(title="Duration", unit="s", gauge=True),
        "steps": Column(title="Steps"),
        "failed_steps": Column(title="Failed steps", steps=ANY_IS_BAD),
        "retries": Column(title="Retries"),
        "failure_types": Column(title="Failure types"),
        "failure_codes": Column(title="Failure codes"),
        "input_tokens": Column(title="Tokens in"),
        "output_tokens": Column(title="Tokens out"),
        "cost": Column(title="Cost", unit="currencyUSD"),
        "session": Column(title="Session"),
        "tags": Column(title="Tags"),
        "place": Column(title="Shown"),
    }
    description = f"The runs found; the last column says how many there are. Choose a run id to see its trace. {_BOUND}"
    return table("Runs", description, sql(_SQL["runs"]), columns, w=24, h=20, empty="No run matches: widen the filters")
