"""How the agents do: the home dashboard."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.boards.expressions import OF_AGENT, ratio
from dashboards.builder.columns import AGENT, RUN, Column
from dashboards.builder.fields import FAILURE_RATE, FAULTS, OUTCOMES, SECONDS, USD, Json
from dashboards.builder.layout import dashboard, heading, line
from dashboards.builder.links import FAILURES_OF_AGENT, FAILURES_OF_TYPE, OPEN_COST, OPEN_FAILURES, OPEN_RUNS
from dashboards.builder.panels import alert_list, barchart, table, timeseries, trend
from dashboards.builder.queries import promql

_SQL = statements.load("overview")


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-overview",
        "Agents / Overview",
        "How the agents do, beside the period before. Each number leads down to the runs behind it.",
        [*shared.filters(), *shared.promql_beside_sql()],
        [
            line(4, *_runs(), *_use()),
            line(9, *_over_time()),
            line(9, *_now(), widths=(8, 16)),
            line(9, _agents()),
            line(9, *_extremes()),
            heading("Long term", line(8, _long_term())),
        ],
    )


def _runs() -> list[Json]:
    return [
        trend(
            "Runs",
            "Runs that began in this time range, beside the range before. Where agents have gone silent, look at the "
            "table of agents below for the one whose last run is old.",
            _SQL["run_count"],
            more_is_better=True,
            link=OPEN_RUNS,
        ),
        trend(
            "Failure rate",
            "FAILURE and ABANDONED among the runs that ended on their own; CANCELLED and RUNNING do not count. Above "
            "the threshold, open the failures and begin with the most frequent code.",
            _SQL["failure_rate"],
            FAILURE_RATE,
            decimals=1,
            empty="No run has ended",
            link=OPEN_FAILURES,
        ),
        trend(
            "Failed runs",
            "Runs that ended FAILURE or were ABANDONED. A rise with an even failure rate is more traffic; a rise of "
            "both is a fault.",
            _SQL["failed_runs"],
            FAULTS,
            link=OPEN_FAILURES,
        ),
    ]


def _use() -> list[Json]:
    return [
        trend(
            "Duration",
            "Median and 95th percentile of how long runs took. Where p95 leaves the median behind, look at the "
            "slowest runs below.",
            _SQL["durations"],
            SECONDS,
            named=True,
            empty="No run has ended",
            link=OPEN_RUNS,
        ),
        trend(
            "Tokens",
            "Input and output tokens of all model calls, as the agents report them. Open cost and tokens to see which "
            "model and agent they belong to.",
            _SQL["tokens"],
            link=OPEN_COST,
        ),
        trend(
            "Cost",
            "What the agents say that their model calls cost. Calls without a price count as nothing: see the "
            "unpriced models under cost and tokens.",
            _SQL["cost"],
            USD,
            link=OPEN_COST,
        ),
    ]


def _over_time() -> list[Json]:
    failed = f"sum by (agent) (agent:agenttrace_runs_failed:rate5m{{{OF_AGENT}}})"
    finished = f"sum by (agent) (agent:agenttrace_runs_finished:rate5m{{{OF_AGENT}}})"
    return [
        timeseries(
            "Runs by outcome",
            "How runs that began then have ended. Red that grows calls for a look at the failures; dark red are runs "
            "whose agent stopped answering: look at its process.",
            _SQL["outcomes"],
            bars=True,
            names=OUTCOMES,
            link=OPEN_RUNS,
        ),
        timeseries(
            "Failure rate by agent",
            "The failure rate of the last five minutes, from the metrics that the alerts use. An agent above the "
            "others or above its own past: follow its link to the failures.",
            promql(ratio(failed, finished), "{{agent}}"),
            FAILURE_RATE,
            data_link=FAILURES_OF_AGENT,
            empty="No run ended in five minutes",
        ),
    ]


def _now() -> list[Json]:
    return [
        barchart(
            "Runs with failures, by type",
            "How many runs had a failure of each type, those that recovered included. Choose a bar to see its "
            "failures: it says whether tools, models, retrieval or the agent is at fault.",
            _SQL["failure_types"],
            by="type",
            empty="No failure in this time range",
            data_link=FAILURES_OF_TYPE,
        ),
        alert_list(
            "Active alerts",
            "What fires now. Each alert leads to its runbook and to a dashboard for its agent.",
        ),
    ]


def _agents() -> Json:
    return table(
        "Agents",
        "Every agent of this time range, the one with most failed runs first. Choose an agent to see its runs.",
        _SQL["agents"],
        [
            AGENT,
            "runs",
            "failure_rate",
            Column("failed_runs", "Failed", FAULTS),
            Column("partial_runs", "Partial"),
            Column("p95_seconds", "p95 duration", SECONDS),
            "tokens",
            "cost",
            "last_run",
        ],
    )


def _extremes() -> list[Json]:
    return [
        table(
            "Slowest runs",
            "The ten longest runs. Open one and look at which step its time went into.",
            _SQL["slowest"],
            [*RUN, "agent", "status", "start_time", "duration_seconds"],
        ),
        table(
            "Costliest runs",
            "The ten runs that cost most. Open one and look at how its context grows from call to call.",
            _SQL["costliest"],
            [*RUN, "agent", "status", "start_time", "cost_usd"],
            empty="No run has a cost",
        ),
    ]


def _long_term() -> Json:
    return timeseries(
        "Failure rate by day, 90 days",
        "The failure rate of each day, from hourly rollups: the hour that runs is not in it. A step upwards that "
        "stays often dates a release: compare with the versions on the failure dashboard.",
        _SQL["long_term"],
        FAILURE_RATE,
        time_from="90d",
        empty="No hour is rolled up yet",
    )
