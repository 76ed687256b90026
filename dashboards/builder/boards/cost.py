"""What the agents cost, and what for."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.columns import AGENT, RUN, Column
from dashboards.builder.fields import AGO, FAULTS, SHARE, USD, Json, Measure
from dashboards.builder.layout import dashboard, line
from dashboards.builder.links import OPEN_FAILURES, OPEN_RUNS
from dashboards.builder.panels import barchart, stat, table, timeseries, trend

_SQL = statements.load("cost")
_WASTED = Measure("percentunit", [(None, "green"), (0.1, "yellow"), (0.3, "red")])


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-cost",
        "Agents / Cost and tokens",
        "What the agents' model calls cost, by their own account, and what the money went into.",
        shared.filters(),
        [
            line(4, *_cost(), *_waste_and_outlook()),
            line(4, *_tokens()),
            line(9, *_by_model_and_agent(), widths=(16, 8)),
            line(9, *_context()),
            line(9, _agents_and_models()),
            line(9, *_to_look_at(), widths=(16, 8)),
        ],
        since="now-7d",
        refresh="5m",
    )


def _cost() -> list[Json]:
    return [
        trend(
            "Cost",
            "What all runs of this time range cost, beside the range before. A jump with as many runs: look for a "
            "change of model or of context below.",
            _SQL["cost"],
            USD,
            link=OPEN_RUNS,
        ),
        trend(
            "Cost per run",
            "The mean of all runs. Compare with the cost per successful run: the difference is waste.",
            _SQL["cost_per_run"],
            USD,
        ),
        trend(
            "Cost per successful run",
            "All cost over the runs that succeeded: what a result really costs. It rises with failures as well as "
            "with prices.",
            _SQL["cost_per_success"],
            USD,
            empty="No run succeeded",
        ),
    ]


def _waste_and_outlook() -> list[Json]:
    return [
        trend(
            "Cost of failed runs",
            "What went into runs that failed or were abandoned. Open the failures and begin with the code that takes "
            "most.",
            _SQL["wasted"],
            USD,
            link=OPEN_FAILURES,
        ),
        stat(
            "Share of failed runs",
            "Their part of the cost. Above a tenth, failing earlier saves more than cheaper models.",
            _SQL["wasted_share"],
            _WASTED,
            decimals=1,
            empty="No cost",
        ),
        stat(
            "In 30 days",
            "This time range's cost, carried on for 30 days. Choose at least a week, so that weekends are in.",
            _SQL["month"],
            USD,
            empty="No cost",
        ),
    ]


def _tokens() -> list[Json]:
    return [
        trend(
            "Input tokens",
            "Tokens given to models. They grow with the context: see how it grows from call to call below.",
            _SQL["input_tokens"],
        ),
        trend(
            "Output tokens",
            "Tokens that models gave back. They are the slow and dear ones; a rise shows as latency too.",
            _SQL["output_tokens"],
        ),
        stat(
            "Cached input",
            "The part of the input tokens that providers read from their cache, at a lower price. Near nothing: put "
            "what stays the same first in the prompt.",
            _SQL["cached_share"],
            SHARE,
            decimals=1,
            empty="No tokens",
        ),
        stat(
            "p95 tokens of a run",
            "One run in twenty takes more than this. Where it is many times the mean, set a limit of steps or of "
            "context.",
            _SQL["p95_tokens"],
            empty="No tokens",
        ),
    ]


def _by_model_and_agent() -> list[Json]:
    return [
        timeseries(
            "Cost by model",
            "What each model cost over time. A new colour is a new model: check that it was meant.",
            _SQL["by_model_over_time"],
            USD,
            bars=True,
            empty="No model call has a price",
        ),
        barchart(
            "Cost by agent",
            "Which agents the money goes into. Begin to save with the first.",
            _SQL["by_agent"],
            USD,
            by="agent",
            empty="No cost",
        ),
    ]


def _context() -> list[Json]:
    return [
        barchart(
            "Tokens by model",
            "Input and output tokens of each model. Much input for little output is context that can be cut.",
            _SQL["tokens_by_model"],
            by="model",
            stacked=True,
            empty="No tokens",
        ),
        barchart(
            "Context from call to call",
            "How many tokens the first, second, … model call of a run is given, in the newest 2,000 runs. A steep "
            "rise is history that is never shortened.",
            _SQL["context_growth"],
            by="call",
            empty="No tokens",
        ),
    ]


def _agents_and_models() -> Json:
    return table(
        "Agents and models",
        "Which agent uses which model, and for how much. A dear model with many cheap calls may be replaced by a "
        "smaller one.",
        _SQL["agent_and_model"],
        [
            AGENT,
            "model",
            "calls",
            "input_tokens",
            "output_tokens",
            Column("cost", measure=USD, gauge=True),
            Column("cost_per_call", "Per call", USD),
        ],
        empty="No model call",
    )


def _to_look_at() -> list[Json]:
    return [
        table(
            "Costliest runs",
            "The twenty runs that cost most. Choose one to see which call it was.",
            _SQL["costliest"],
            [*RUN, "agent", "status", "cost_usd", "input_tokens", "output_tokens", "steps", "start_time"],
            empty="No run has a cost",
        ),
        table(
            "Models without a price",
            "Calls that report tokens and no cost: they are missing in every figure above. Let the agent report a "
            "cost, or give the SDK the price.",
            _SQL["unpriced"],
            ["model", Column("calls", measure=FAULTS), "tokens", Column("last_call", measure=AGO)],
            empty="Every call has a price",
        ),
    ]
