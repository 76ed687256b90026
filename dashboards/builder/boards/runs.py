"""Finding runs."""

from __future__ import annotations

from dashboards.builder import statements, variables
from dashboards.builder.boards import shared
from dashboards.builder.columns import RUN, Column
from dashboards.builder.fields import FAILURE_RATE, FAULTS, OUTCOMES, SECONDS, USD, Json
from dashboards.builder.layout import dashboard, line
from dashboards.builder.links import OPEN_FAILURES
from dashboards.builder.panels import histogram, stat, table, timeseries

_SQL = statements.load("runs")
_BOUND = "Looks at the newest 20,000 runs of the agents, environments and outcomes chosen."


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-runs",
        "Agents / Run explorer",
        "Lists runs by what is known of them. Choose a run to see its trace.",
        [*shared.filters(), *_filters()],
        [line(4, *_numbers()), line(7, *_pictures(), widths=(16, 8)), line(20, _runs())],
    )


def _filters() -> list[Json]:
    return [
        variables.many_of("status", "Outcome", list(OUTCOMES)),
        shared.failure_types(),
        variables.many("model", "Model", shared.STATEMENTS["model"]),
        variables.text("tag", "Tag or key=value", "A tag of the run, or an attribute as key=value."),
        variables.text("search", "Begins with", "How a run id, agent, session or failure code begins."),
        variables.text("min_duration_s", "At least seconds", "Runs that took at least so many seconds."),
        variables.one_of("order", "Order", ["newest", "slowest", "costliest"]),
        variables.one_of("limit", "Rows", ["500", "100", "2000"]),
    ]


def _numbers() -> list[Json]:
    return [
        stat(
            "Runs found",
            f"How many runs the filters find. {_BOUND} Narrow the time range where it says 20,000.",
            _SQL["matched_runs"],
        ),
        stat(
            "Failure rate",
            "FAILURE and ABANDONED among those found that ended on their own. Change one filter at a time to see "
            "which of them makes the difference.",
            _SQL["matched_failed"],
            FAILURE_RATE,
            decimals=1,
            empty="None has ended",
            link=OPEN_FAILURES,
        ),
        stat(
            "Failures",
            "All failures of the runs found, those that recovered included. Many failures in few failed runs: retries "
            "work, and cost time.",
            _SQL["matched_failures"],
            FAULTS,
            link=OPEN_FAILURES,
        ),
        stat(
            "Cost",
            "What the runs found cost, as their agents report. Order by costliest to see where it goes.",
            _SQL["matched_cost"],
            USD,
        ),
    ]


def _pictures() -> list[Json]:
    return [
        timeseries(
            "Runs over time",
            "When the runs found began, by outcome. Drag over a part to look at that time alone.",
            _SQL["over_time"],
            bars=True,
            names=OUTCOMES,
        ),
        histogram(
            "Durations",
            "How long the runs found took. Two humps are two kinds of work: split them by agent or model. A long "
            "tail: order by slowest.",
            _SQL["durations"],
            SECONDS,
            empty="None has ended",
        ),
    ]


def _runs() -> Json:
    description = f"The runs found; the last column says how many there are. Choose a run id to see its trace. {_BOUND}"
    return table(
        "Runs",
        description,
        _SQL["runs"],
        [
            *RUN,
            "agent",
            "version",
            "environment",
            "status",
            Column("start_time", "Started", width=160),
            Column("duration_seconds", "Duration", SECONDS, gauge=True),
            "steps",
            "failed_steps",
            "retries",
            "failure_types",
            "failure_codes",
            "input_tokens",
            "output_tokens",
            "cost",
            "session",
            "tags",
            Column("place", "Shown"),
        ],
        empty="No run matches: widen the filters",
    )
