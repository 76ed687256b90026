"""What goes wrong, where, and since when."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.boards.expressions import OF_AGENT, RATE
from dashboards.builder.columns import AGENT, FAILURE_TYPE, RUN, Column
from dashboards.builder.fields import FAILURE_RATE, FAILURE_TYPES, FAULTS, PER_SECOND, SECONDS, SHARE, Json, Measure
from dashboards.builder.layout import dashboard, heading, line
from dashboards.builder.links import board_link
from dashboards.builder.panels import stat, table, timeseries, trend
from dashboards.builder.queries import annotation, promql

_SQL = statements.load("failures")
_HEAT = Measure(steps=[(None, "transparent"), (1, "yellow"), (10, "orange"), (100, "red")])
_NONE = "No failure in this time range"
_OPEN_RUNS = board_link("Open these runs", "agenttrace-runs", keeping=("project", "agent", "env", "failure_type"))
_WHAT_TO_DO = {
    "TOOL": "Look at which tool in the table below, and at that tool's own monitoring.",
    "MODEL": "Look at the codes: rate limits call for backoff or quota, invalid schemas for the prompt or the model.",
    "RETRIEVAL": "Look at the source: an empty result is a missing document, a timeout the index.",
    "ORCHESTRATION": "The agent's own logic: look at the version table, then at the trace of a run.",
}


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-failures",
        "Agents / Failures",
        "What goes wrong, by type, code, agent and version, down to a run.",
        [*shared.filters(), shared.failure_types(), *shared.promql_beside_sql()],
        [
            line(4, _rate(), *(_of_type(name) for name in FAILURE_TYPES), _recovered()),
            line(9, *_over_time()),
            line(9, *_where()),
            line(10, _codes()),
            line(10, _latest()),
            heading("After a failure"),
            line(8, *_afterwards()),
        ],
        annotations=[annotation("New versions", _SQL["deployments"])],
    )


def _rate() -> Json:
    return trend(
        "Failure rate",
        "FAILURE and ABANDONED among the runs that ended on their own, beside the range before. Recovered failures "
        "are not in it: they are counted on the right.",
        _SQL["failure_rate"],
        FAILURE_RATE,
        decimals=1,
        empty="No run has ended",
        link=_OPEN_RUNS,
    )


def _of_type(name: str) -> Json:
    return trend(
        f"{name.capitalize()} failures",
        f"Failures of type {name}, those that recovered included, beside the range before. {_WHAT_TO_DO[name]}",
        _SQL["of_type"].replace("{type}", name),
        FAULTS,
        link=_OPEN_RUNS,
    )


def _recovered() -> Json:
    return stat(
        "Recovered",
        "Failures after which a later attempt of the same step worked. Low: retrying does not help here, so look for "
        "permanent faults. High: retries hide a weak dependency.",
        _SQL["recovered"],
        SHARE,
        decimals=0,
        empty="No failure",
    )


def _over_time() -> list[Json]:
    rate = f"sum by (type) (rate(agenttrace_failures_total{{{OF_AGENT}}}{RATE}))"
    return [
        timeseries(
            "Failures by type",
            "When failures occurred; vertical lines are the first runs of new versions. A type that begins at a line "
            "is that version's fault.",
            _SQL["over_time"],
            bars=True,
            names=FAILURE_TYPES,
            empty=_NONE,
        ),
        timeseries(
            "Failures per second",
            "The same from the metrics that the alerts use. The diamonds are examples: choose one to open its run.",
            promql(rate, "{{type}}", exemplars=True),
            PER_SECOND,
            names=FAILURE_TYPES,
            empty=_NONE,
        ),
    ]


def _where() -> list[Json]:
    heat = [Column(name.lower(), measure=_HEAT, background=True) for name in FAILURE_TYPES]
    return [
        table(
            "Agents and types",
            "Failures of each agent by type, the more the redder. A red column is a shared dependency, a red row one "
            "agent.",
            _SQL["type_by_agent"],
            [AGENT, *heat, Column("failures", "All")],
            empty=_NONE,
        ),
        table(
            "Versions",
            "The failure rate of each version, newest first. A new version that is redder than the one below it is a "
            "regression: go back to that.",
            _SQL["versions"],
            [AGENT, "version", "runs", "failure_rate", "first_run", "last_run"],
        ),
        table(
            "Tools, models and sources",
            "What failed and how, of the latest 20,000 failures. The first line is the dependency to look at.",
            _SQL["by_step"],
            [
                Column("step_type", "Step"),
                "used",
                Column("type", "Failure", words=FAILURE_TYPES),
                "code",
                Column("failures", gauge=True),
                "runs",
            ],
            empty="No failure of a step",
        ),
    ]


def _codes() -> Json:
    return table(
        "Codes",
        "The most frequent codes with what to do about them. The last column is the latest run that had it.",
        _SQL["codes"],
        [
            FAILURE_TYPE,
            "code",
            "title",
            Column("failures", gauge=True),
            "runs",
            "agents",
            "first_seen",
            "last_seen",
            "remedy",
            *RUN,
        ],
        empty=_NONE,
    )


def _latest() -> Json:
    return table(
        "Latest failures",
        "The newest failures. Choose a run id to see its trace; several with the same code in a row are one fault.",
        _SQL["latest"],
        [*RUN, "occur_time", "agent", "version", FAILURE_TYPE, "code", "status", "exception_type"],
        empty=_NONE,
    )


def _afterwards() -> list[Json]:
    return [
        table(
            "Time to the next good run",
            "From a failed run to the start of the agent's next that did not fail. 'Not yet' counts failed runs that "
            "none has followed: those agents are down now.",
            _SQL["time_to_success"],
            [
                AGENT,
                Column("median_seconds", "Median", SECONDS),
                Column("longest_seconds", "Longest", SECONDS),
                Column("not_yet", measure=FAULTS),
            ],
            empty="No failed run",
        ),
        table(
            "How runs with failures ended",
            "The outcome of runs by the types of failure they had. A type that mostly ends in success is handled; one "
            "that ends in failure needs a retry or a fallback.",
            _SQL["type_to_status"],
            [
                FAILURE_TYPE,
                "success",
                "partial",
                Column("failed", measure=FAULTS),
                Column("neither", "Running or cancelled"),
            ],
            empty=_NONE,
        ),
    ]
