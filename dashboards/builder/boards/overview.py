"""How the agents do: the home dashboard."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.fields import (
    ANY_IS_BAD,
    FAILURE_RATE,
    FAILURES_OF_TYPE,
    OUTCOMES,
    RUN_COLUMNS,
    RUNS_OF_AGENT,
    STATUS,
    Column,
    Json,
    board_link,
    link,
)
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import alert_list, barchart, promql, row, sql, stat, table, timeseries

_SQL = statements.load("overview")
_RUNS = [board_link("Open these runs", "agenttrace-runs")]
_FAILURES = [board_link("Open the failures", "agenttrace-failures")]
_COST = [board_link("Open cost and tokens", "agenttrace-cost")]


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-overview",
        "Agents / Overview",
        "How the agents do, beside the period before. Each number leads down to the runs behind it.",
        [*shared.filters(), *shared.promql_beside_sql()],
        [*_numbers(), *_rates(), *_lists(), row("Long term", [_long_term()])],
    )


def _numbers() -> list[Json]:
    return [
        stat(
            "Runs",
            "Runs that began in this time range, beside the range before. Where agents have gone silent, look "
            "at the table of agents below for the one whose last run is old.",
            sql(_SQL["run_count"], series=True),
            unit="short",
            change="standard",
            w=4,
            h=4,
            links=_RUNS,
        ),
        stat(
            "Failure rate",
            "FAILURE and ABANDONED among the runs that ended on their own; CANCELLED and RUNNING do not "
            "count. Above the threshold, open the failures and begin with the most frequent code.",
            sql(_SQL["failure_rate"], series=True),
            unit="percentunit",
            steps=FAILURE_RATE,
            change="inverted",
            decimals=1,
            w=4,
            h=4,
            empty="No run has ended",
            links=_FAILURES,
        ),
        stat(
            "Failed runs",
            "Runs that ended FAILURE or were ABANDONED. A rise with an even failure rate is more traffic; "
            "a rise of both is a fault.",
            sql(_SQL["failed_runs"], series=True),
            unit="short",
            steps=ANY_IS_BAD,
            change="inverted",
            w=4,
            h=4,
            links=_FAILURES,
        ),
        stat(
            "Duration",
            "Median and 95th percentile of how long runs took. Where p95 leaves the median behind, look at the "
            "slowest runs below.",
            sql(_SQL["durations"], series=True),
            unit="s",
            change="inverted",
            names=True,
            w=4,
            h=4,
            empty="No run has ended",
            links=_RUNS,
        ),
        stat(
            "Tokens",
            "Input and output tokens of all model calls, as the agents report them. Open cost and tokens to see "
            "which model and agent they belong to.",
            sql(_SQL["tokens"], series=True),
            unit="short",
            change="inverted",
            w=4,
            h=4,
            links=_COST,
        ),
        stat(
            "Cost",
            "What the agents say that their model calls cost. Calls without a price count as nothing: see the "
            "unpriced models under cost and tokens.",
            sql(_SQL["cost"], series=True),
            unit="currencyUSD",
            change="inverted",
            w=4,
            h=4,
            links=_COST,
        ),
    ]


def _rates() -> list[Json]:
    rate = (
        f"sum by (agent) (agent:agenttrace_runs_failed:rate5m{{{shared.OF_AGENT}}}) / "
        f"(sum by (agent) (agent:agenttrace_runs_finished:rate5m{{{shared.OF_AGENT}}}) > 0)"
    )
    to_failures = link(
        "Failures of this agent",
        "/d/agenttrace-failures?var-agent=${__field.labels.agent:percentencode}&${project:queryparam}&${__url_time_range}",
    )
    return [
        timeseries(
            "Runs by outcome",
            "How runs that began then have ended. Red that grows calls for a look at the failures; "
            "dark red are runs whose agent stopped answering: look at its process.",
            sql(_SQL["outcomes"], series=True),
            unit="short",
            bars=True,
            names=OUTCOMES,
            w=12,
            h=9,
            links=_RUNS,
        ),
        timeseries(
            "Failure rate by agent",
            "The failure rate of the last five minutes, from the metrics that the alerts use. "
            "An agent above the others or above its own past: follow its link to the failures.",
            promql(rate, "{{agent}}"),
            unit="percentunit",
            steps=FAILURE_RATE,
            data_links=[to_failures],
            empty="No run ended in five minutes",
            w=12,
            h=9,
        ),
        barchart(
            "Runs with failures, by type",
            "How many runs had a failure of each type, those that recovered included. "
            "Choose a bar to see its failures: it says whether tools, models, retrieval or the agent is at fault.",
            sql(_SQL["failure_types"]),
            unit="short",
            field="type",
            w=8,
            h=9,
            empty="No failure in this time range",
            data_links=[link("Failures of this type", FAILURES_OF_TYPE)],
        ),
        alert_list(
            "Active alerts",
            "What fires now. Each alert leads to its runbook and to a dashboard for its agent.",
            w=16,
            h=9,
        ),
    ]


def _lists() -> list[Json]:
    agents = {
        "agent": Column(title="Agent", url=RUNS_OF_AGENT, link_title="Runs of this agent"),
        "runs": Column(title="Runs"),
        "failure_rate": Column(title="Failure rate", unit="percentunit", steps=FAILURE_RATE, gauge=True),
        "failed_runs": Column(title="Failed", steps=ANY_IS_BAD),
        "partial_runs": Column(title="Partial"),
        "p95_seconds": Column(title="p95 duration", unit="s"),
        "tokens": Column(title="Tokens"),
        "cost": Column(title="Cost", unit="currencyUSD"),
        "last_run": Column(title="Last run", unit="dateTimeFromNow"),
    }
    run = {**RUN_COLUMNS, "agent": Column(title="Agent"), "status": STATUS, "start_time": Column(title="Started")}
    return [
        table(
            "Agents",
            "Every agent of this time range, the one with most failed runs first. Choose an agent to see its runs.",
            sql(_SQL["agents"]),
            agents,
            w=24,
            h=9,
            steps=FAILURE_RATE,
        ),
        table(
            "Slowest runs",
            "The ten longest runs. Open one and look at which step its time went into.",
            sql(_SQL["slowest"]),
            run | {"duration_seconds": Column(title="Duration", unit="s")},
            w=12,
            h=9,
        ),
        table(
            "Costliest runs",
            "The ten runs that cost most. Open one and look at how its context grows from call to call.",
            sql(_SQL["costliest"]),
            run | {"cost_usd": Column(title="Cost", unit="currencyUSD")},
            w=12,
            h=9,
            empty="No run has a cost",
        ),
    ]


def _long_term() -> Json:
    return timeseries(
        "Failure rate by day, 90 days",
        "The failure rate of each day, from hourly rollups: the hour that runs is not in it. A step upwards that stays "
        "often dates a release: compare with the versions on the failure dashboard.",
        sql(_SQL["long_term"], series=True),
        unit="percentunit",
        steps=FAILURE_RATE,
        timeFrom="90d",
        w=24,
        h=8,
        empty="No hour is rolled up yet",
    )
