"""What the agents cost, and what for."""

from __future__ import annotations

from dashboards.builder import statements
from dashboards.builder.boards import shared
from dashboards.builder.fields import (
    ANY_IS_BAD,
    RUN_COLUMNS,
    RUNS_OF_AGENT,
    STATUS,
    Column,
    Json,
    board_link,
)
from dashboards.builder.layout import dashboard
from dashboards.builder.panels import barchart, sql, stat, table, timeseries

_SQL = statements.load("cost")
_WASTED = [(None, "green"), (0.1, "yellow"), (0.3, "red")]
_RUNS = [board_link("Open these runs", "agenttrace-runs")]


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "agenttrace-cost",
        "Agents / Cost and tokens",
        "What the agents' model calls cost, by their own account, and what the money went into.",
        shared.filters(),
        [*_money(), *_tokens(), *_over_time(), *_lists()],
        since="now-7d",
        refresh="5m",
    )


def _money() -> list[Json]:
    usd: Json = {"unit": "currencyUSD", "w": 4, "h": 4}
    return [
        stat(
            "Cost",
            "What all runs of this time range cost, beside the range before. A jump with as many runs: look for a "
            "change of model or of context below.",
            sql(_SQL["cost"], series=True),
            change="inverted",
            links=_RUNS,
            **usd,
        ),
        stat(
            "Cost per run",
            "The mean of all runs. Compare with the cost per successful run: the difference is waste.",
            sql(_SQL["cost_per_run"], series=True),
            change="inverted",
            **usd,
        ),
        stat(
            "Cost per successful run",
            "All cost over the runs that succeeded: what a result really costs. It rises with "
            "failures as well as with prices.",
            sql(_SQL["cost_per_success"], series=True),
            change="inverted",
            empty="No run succeeded",
            **usd,
        ),
        stat(
            "Cost of failed runs",
            "What went into runs that failed or were abandoned. Open the failures and begin with the "
            "code that takes most.",
            sql(_SQL["wasted"], series=True),
            change="inverted",
            links=[board_link("Open the failures", "agenttrace-failures")],
            **usd,
        ),
        stat(
            "Share of failed runs",
            "Their part of the cost. Above a tenth, failing earlier saves more than cheaper models.",
            sql(_SQL["wasted_share"]),
            unit="percentunit",
            steps=_WASTED,
            decimals=1,
            w=4,
            h=4,
            empty="No cost",
        ),
        stat(
            "In 30 days",
            "This time range's cost, carried on for 30 days. Choose at least a week, so that weekends are in.",
            sql(_SQL["month"]),
            empty="No cost",
            **usd,
        ),
    ]


def _tokens() -> list[Json]:
    return [
        stat(
            "Input tokens",
            "Tokens given to models. They grow with the context: see how it grows from call to call below.",
            sql(_SQL["input_tokens"], series=True),
            unit="short",
            change="inverted",
            w=6,
            h=4,
        ),
        stat(
            "Output tokens",
            "Tokens that models gave back. They are the slow and dear ones; a rise shows as latency too.",
            sql(_SQL["output_tokens"], series=True),
            unit="short",
            change="inverted",
            w=6,
            h=4,
        ),
        stat(
            "Cached input",
            "The part of the input tokens that providers read from their cache, at a lower price. Near "
            "nothing: put what stays the same first in the prompt.",
            sql(_SQL["cached_share"]),
            unit="percentunit",
            decimals=1,
            w=6,
            h=4,
            empty="No tokens",
        ),
        stat(
            "p95 tokens of a run",
            "One run in twenty takes more than this. Where it is many times the mean, set a limit of "
            "steps or of context.",
            sql(_SQL["p95_tokens"]),
            unit="short",
            w=6,
            h=4,
            empty="No tokens",
        ),
    ]


def _over_time() -> list[Json]:
    return [
        timeseries(
            "Cost by model",
            "What each model cost over time. A new colour is a new model: check that it was meant.",
            sql(_SQL["by_model_over_time"], series=True),
            unit="currencyUSD",
            bars=True,
            w=16,
            h=9,
            empty="No model call has a price",
        ),
        barchart(
            "Cost by agent",
            "Which agents the money goes into. Begin to save with the first.",
            sql(_SQL["by_agent"]),
            unit="currencyUSD",
            field="agent",
            w=8,
            h=9,
            empty="No cost",
        ),
        barchart(
            "Tokens by model",
            "Input and output tokens of each model. Much input for little output is context that can be cut.",
            sql(_SQL["tokens_by_model"]),
            unit="short",
            field="model",
            stacked=True,
            w=12,
            h=9,
            empty="No tokens",
        ),
        barchart(
            "Context from call to call",
            "How many tokens the first, second, … model call of a run is given, in the "
            "newest 2,000 runs. A steep rise is history that is never shortened.",
            sql(_SQL["context_growth"]),
            unit="short",
            field="call",
            w=12,
            h=9,
            empty="No tokens",
        ),
    ]


def _lists() -> list[Json]:
    pairs = {
        "agent": Column(title="Agent", url=RUNS_OF_AGENT, link_title="Runs of this agent"),
        "model": Column(title="Model"),
        "calls": Column(title="Calls"),
        "input_tokens": Column(title="Tokens in"),
        "output_tokens": Column(title="Tokens out"),
        "cost": Column(title="Cost", unit="currencyUSD", gauge=True),
        "cost_per_call": Column(title="Per call", unit="currencyUSD"),
    }
    costliest = {
        **RUN_COLUMNS,
        "agent": Column(title="Agent"),
        "status": STATUS,
        "cost_usd": Column(title="Cost", unit="currencyUSD"),
        "input_tokens": Column(title="Tokens in"),
        "output_tokens": Column(title="Tokens out"),
        "steps": Column(title="Steps"),
        "start_time": Column(title="Started"),
    }
    unpriced = {
        "model": Column(title="Model"),
        "calls": Column(title="Calls", steps=ANY_IS_BAD),
        "tokens": Column(title="Tokens"),
        "last_call": Column(title="Last call", unit="dateTimeFromNow"),
    }
    return [
        table(
            "Agents and models",
            "Which agent uses which model, and for how much. A dear model with many cheap calls may be "
            "replaced by a smaller one.",
            sql(_SQL["agent_and_model"]),
            pairs,
            w=24,
            h=9,
            empty="No model call",
        ),
        table(
            "Costliest runs",
            "The twenty runs that cost most. Choose one to see which call it was.",
            sql(_SQL["costliest"]),
            costliest,
            w=16,
            h=9,
            empty="No run has a cost",
        ),
        table(
            "Models without a price",
            "Calls that report tokens and no cost: they are missing in every figure above. Let "
            "the agent report a cost, or give the SDK the price.",
            sql(_SQL["unpriced"]),
            unpriced,
            w=8,
            h=9,
            empty="Every call has a price",
        ),
    ]
