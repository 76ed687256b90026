"""One run: its trace, steps and failures."""

from __future__ import annotations

from dashboards.builder import statements, variables
from dashboards.builder.boards import shared
from dashboards.builder.fields import (
    ANY_IS_BAD,
    FAILURE_TYPES,
    HIDDEN,
    OUTCOMES,
    RUN_COLUMNS,
    STATUS,
    STEP_OUTCOMES,
    Column,
    Json,
)
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import barchart, node_graph, row, sql, stat, table, traces

_SQL = statements.load("run")
_NO_RUN = "No such run: paste a run id above"
_STEP = (
    "/d/agenttrace-run?${run_id:queryparam}&var-step_id=${__data.fields.step_id:percentencode}&${__url_time_range}"
    "&${postgres_datasource:queryparam}"
)


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-run",
        "Agents / Run",
        "One run: what it did, where its time and tokens went, and what failed.",
        [
            variables.postgres(),
            variables.text("run_id", "Run", "The run's id, as the run explorer or an agent's log has it."),
            variables.many("step_id", "Step", shared.variable_statements()["step_id"])
            | {"multi": False, "includeAll": False, "allValue": None, "current": {}},
        ],
        [*_numbers(), _facts(), _trace(), _failures(), *_steps(), *_pictures(), row("Gantt chart", [_gantt()])],
        refresh="",
    )


def _numbers() -> list[Json]:
    status = stat(
        "Status",
        "How the run ended. PARTIAL: it ended well with a failure that nothing recovered. ABANDONED: "
        "its agent stopped answering; look at the agent's process.",
        sql(_SQL["status"]),
        unit="string",
        w=3,
        h=4,
        empty=_NO_RUN,
    )
    words = {word: {"color": color, "index": place} for place, (word, color) in enumerate(OUTCOMES.items())}
    status["fieldConfig"]["defaults"]["mappings"] = [{"type": "value", "options": words}]
    status["options"]["reduceOptions"]["fields"] = "/.*/"
    return [
        status,
        stat(
            "Duration",
            "How long the run took, or takes until now. Below it is who used the time.",
            sql(_SQL["duration"]),
            unit="s",
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
        stat(
            "Steps received",
            "Steps that the server has. Each attempt of a step is one of them: see Retries.",
            sql(_SQL["steps"]),
            unit="short",
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
        stat(
            "Steps missing",
            "How many of the steps that the agent announced have not come. They may be on their way; if "
            "they stay away, look for drops in the agent's log.",
            sql(_SQL["missing_steps"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=3,
            h=4,
            empty="Not announced",
        ),
        stat(
            "Failed steps",
            "Steps that ended in an error, recovered or not. The table of failures says which.",
            sql(_SQL["failed_steps"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
        stat(
            "Retries",
            "Attempts after a first one. Many retries that work hide a weak tool or model.",
            sql(_SQL["retries"]),
            unit="short",
            steps=ANY_IS_BAD,
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
        stat(
            "Tokens",
            "Input and output tokens of the run's model calls. See the steps for which call took them.",
            sql(_SQL["tokens"]),
            unit="short",
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
        stat(
            "Cost",
            "What the agent says that the run's model calls cost. Nothing where it reports no prices.",
            sql(_SQL["cost"]),
            unit="currencyUSD",
            w=3,
            h=4,
            empty=_NO_RUN,
        ),
    ]


def _facts() -> Json:
    columns = {"fact": Column(title="Fact"), "value": Column(title="Value")}
    return table(
        "About the run",
        "What is known of the run, its attributes last. Compare version and environment with a run that went well.",
        sql(_SQL["facts"]),
        columns,
        w=6,
        h=18,
        empty=_NO_RUN,
    )


def _trace() -> Json:
    return traces(
        "Trace timeline",
        "The run and its steps by time; red ones failed. The longest bar without children is "
        "where the time went. Choose a step for its attributes and failures.",
        sql(_SQL["trace"]),
        w=18,
        h=18,
        empty=_NO_RUN,
    )


def _failures() -> Json:
    columns = {
        "occur_time": Column(title="Time"),
        "step": Column(title="Step"),
        "attempt": Column(title="Attempt"),
        "type": Column(title="Type", words=FAILURE_TYPES),
        "code": Column(title="Code"),
        "exception_type": Column(title="Exception"),
        "http_status": Column(title="HTTP"),
        "retryable": Column(title="Retryable"),
        "recovered": Column(title="Recovered", words={"yes": "green", "no": "red"}),
        "title": Column(title="What it means"),
        "remedy": Column(title="What to do", width=400),
    }
    return table(
        "Failures",
        "What went wrong in this run, in order. Begin with the first that did not recover; the last "
        "column says what to do.",
        sql(_SQL["failures"]),
        columns,
        w=24,
        h=8,
        empty="This run has no failure",
    )


def _steps() -> list[Json]:
    columns = {
        "sequence": Column(title="#", width=60),
        "step": Column(title="Step", url=_STEP, link_title="Inspect this step"),
        "type": Column(title="Type"),
        "status": Column(title="Status", words=STEP_OUTCOMES),
        "attempt": Column(title="Attempt", width=80),
        "starts_after": Column(title="Starts after", unit="s"),
        "duration_seconds": Column(title="Duration", unit="s", gauge=True),
        "self_seconds": Column(title="Own time", unit="s"),
        "used": Column(title="Tool, model or source"),
        "input_tokens": Column(title="Tokens in"),
        "output_tokens": Column(title="Tokens out"),
        "cost_usd": Column(title="Cost", unit="currencyUSD"),
        "step_id": HIDDEN,
    }
    facts = {"fact": Column(title="Fact"), "value": Column(title="Value")}
    return [
        table(
            "Steps",
            "Every step in its order, those of a step indented below it. Own time is without the steps below. "
            "Choose a step to inspect it on the right.",
            sql(_SQL["step_list"]),
            columns,
            w=17,
            h=14,
            empty=_NO_RUN,
        ),
        table(
            "Step",
            "All that is known of the step that is chosen above or in the table. The attributes of the agent come "
            "last.",
            sql(_SQL["step_facts"]),
            facts,
            w=7,
            h=14,
            empty="Choose a step",
        ),
    ]


def _pictures() -> list[Json]:
    columns = {
        "place": Column(title=""),
        **RUN_COLUMNS,
        "version": Column(title="Version"),
        "status": STATUS,
        "start_time": Column(title="Started"),
        "duration_seconds": Column(title="Duration", unit="s"),
        "failed_steps": Column(title="Failed steps", steps=ANY_IS_BAD),
        "failure_codes": Column(title="Failure codes"),
    }
    return [
        barchart(
            "Time by type of step",
            "Own time of the steps, by type. It says whether to look at the model, the tools or the retrieval first.",
            sql(_SQL["time_by_type"]),
            unit="s",
            field="type",
            w=6,
            h=10,
            empty=_NO_RUN,
        ),
        node_graph(
            "Step graph",
            "Which step follows which, and how often; the ring is red as far as they failed. A pair "
            "that goes back and forth is an agent in a loop.",
            [sql(_SQL["nodes"], ref="nodes"), sql(_SQL["edges"], ref="edges")],
            w=9,
            h=10,
            empty=_NO_RUN,
        ),
        table(
            "Runs before and after",
            "The same agent's runs around this one. If those before went well and those after not, compare versions.",
            sql(_SQL["neighbours"]),
            columns,
            w=9,
            h=10,
            empty=_NO_RUN,
        ),
    ]


def _gantt() -> Json:
    waiting = {
        "matcher": {"id": "byName", "options": "before"},
        "properties": [
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "transparent"}},
            {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": True, "viz": False}},
        ],
    }
    return barchart(
        "First 50 steps by time",
        "The trace as bars, should the trace timeline not show. Bars side by side ran "
        "at the same time; gaps are the agent's own time.",
        sql(_SQL["gantt"]),
        unit="s",
        field="step",
        stacked=True,
        w=24,
        h=16,
        empty=_NO_RUN,
        overrides=[waiting],
    )
