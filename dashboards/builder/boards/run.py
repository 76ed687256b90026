"""One run: its trace, steps and failures."""

from __future__ import annotations

from functools import partial

from dashboards.builder import statements, variables
from dashboards.builder.boards import shared
from dashboards.builder.columns import FAILURE_TYPE, RUN, Column, hidden
from dashboards.builder.fields import FAULTS, OUTCOMES, SECONDS, STEP_OUTCOMES, USD, Json, Measure, invisible
from dashboards.builder.layout import dashboard, heading, line
from dashboards.builder.links import STEP
from dashboards.builder.panels import barchart, node_graph, stat, table, traces

_SQL = statements.load("run")
_NO_RUN = "No such run: paste a run id above"
_stat = partial(stat, empty=_NO_RUN)


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-run",
        "Agents / Run",
        "One run: what it did, where its time and tokens went, and what failed.",
        [
            variables.postgres(),
            variables.text("run_id", "Run", "The run's id, as the run explorer or an agent's log has it."),
            variables.one("step_id", "Step", shared.STATEMENTS["step_id"]),
        ],
        [
            line(4, *_outcome(), *_faults(), *_use()),
            line(18, _facts(), _trace(), widths=(6, 18)),
            line(8, _failures()),
            line(14, _steps(), _step(), widths=(17, 7)),
            line(10, *_pictures(), _neighbours(), widths=(6, 9, 9)),
            heading("Gantt chart", line(16, _gantt())),
        ],
        refresh="",
    )


def _outcome() -> list[Json]:
    return [
        _stat(
            "Status",
            "How the run ended. PARTIAL: it ended well with a failure that nothing recovered. ABANDONED: its agent "
            "stopped answering; look at the agent's process.",
            _SQL["status"],
            Measure("string"),
            words=OUTCOMES,
        ),
        _stat(
            "Duration",
            "How long the run took, or takes until now. Below it is who used the time.",
            _SQL["duration"],
            SECONDS,
        ),
        _stat(
            "Steps received",
            "Steps that the server has. Each attempt of a step is one of them: see Retries.",
            _SQL["steps"],
        ),
    ]


def _faults() -> list[Json]:
    return [
        _stat(
            "Steps missing",
            "How many of the steps that the agent announced have not come. They may be on their way; if they stay "
            "away, look for drops in the agent's log.",
            _SQL["missing_steps"],
            FAULTS,
            empty="Not announced",
        ),
        _stat(
            "Failed steps",
            "Steps that ended in an error, recovered or not. The table of failures says which.",
            _SQL["failed_steps"],
            FAULTS,
        ),
        _stat(
            "Retries",
            "Attempts after a first one. Many retries that work hide a weak tool or model.",
            _SQL["retries"],
            FAULTS,
        ),
    ]


def _use() -> list[Json]:
    return [
        _stat(
            "Tokens",
            "Input and output tokens of the run's model calls. See the steps for which call took them.",
            _SQL["tokens"],
        ),
        _stat(
            "Cost",
            "What the agent says that the run's model calls cost. Nothing where it reports no prices.",
            _SQL["cost"],
            USD,
        ),
    ]


def _facts() -> Json:
    return table(
        "About the run",
        "What is known of the run, its attributes last. Compare version and environment with a run that went well.",
        _SQL["facts"],
        ["fact", "value"],
        empty=_NO_RUN,
    )


def _trace() -> Json:
    return traces(
        "Trace timeline",
        "The run and its steps by time; red ones failed. The longest bar without children is where the time went. "
        "Choose a step for its attributes and failures.",
        _SQL["trace"],
        empty=_NO_RUN,
    )


def _failures() -> Json:
    return table(
        "Failures",
        "What went wrong in this run, in order. Begin with the first that did not recover; the last column says what "
        "to do.",
        _SQL["failures"],
        [
            "occur_time",
            "step",
            "attempt",
            FAILURE_TYPE,
            "code",
            "exception_type",
            Column("http_status", "HTTP"),
            "retryable",
            Column("recovered", words={"yes": "green", "no": "red"}),
            "title",
            "remedy",
        ],
        empty="This run has no failure",
    )


def _steps() -> Json:
    return table(
        "Steps",
        "Every step in its order, those of a step indented below it. Own time is without the steps below. Choose a "
        "step to inspect it on the right.",
        _SQL["step_list"],
        [
            Column("sequence", "#", width=60),
            Column("step", link=STEP),
            "type",
            Column("status", words=STEP_OUTCOMES),
            Column("attempt", width=80),
            Column("starts_after", measure=SECONDS),
            Column("duration_seconds", "Duration", SECONDS, gauge=True),
            Column("self_seconds", "Own time", SECONDS),
            "used",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            hidden("step_id"),
        ],
        empty=_NO_RUN,
    )


def _step() -> Json:
    return table(
        "Step",
        "All that is known of the step that is chosen above or in the table. The attributes of the agent come last.",
        _SQL["step_facts"],
        ["fact", "value"],
        empty="Choose a step",
    )


def _pictures() -> list[Json]:
    return [
        barchart(
            "Time by type of step",
            "Own time of the steps, by type. It says whether to look at the model, the tools or the retrieval first.",
            _SQL["time_by_type"],
            SECONDS,
            by="type",
            empty=_NO_RUN,
        ),
        node_graph(
            "Step graph",
            "Which step follows which, and how often; the ring is red as far as they failed. A pair that goes back "
            "and forth is an agent in a loop.",
            nodes=_SQL["nodes"],
            edges=_SQL["edges"],
            empty=_NO_RUN,
        ),
    ]


def _neighbours() -> Json:
    return table(
        "Runs before and after",
        "The same agent's runs around this one. If those before went well and those after not, compare versions.",
        _SQL["neighbours"],
        [
            Column("place", ""),
            *RUN,
            "version",
            "status",
            "start_time",
            "duration_seconds",
            "failed_steps",
            "failure_codes",
        ],
        empty=_NO_RUN,
    )


def _gantt() -> Json:
    return barchart(
        "First 50 steps by time",
        "The trace as bars, should the trace timeline not show. Bars side by side ran at the same time; gaps are the "
        "agent's own time.",
        _SQL["gantt"],
        SECONDS,
        by="step",
        stacked=True,
        empty=_NO_RUN,
        overrides=[invisible("before")],
    )
