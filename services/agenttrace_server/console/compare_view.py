"""What the page of comparisons shows of two samples: figures beside each other, each with how it differs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.showing.wording import NONE, dollars, failure_type_word, length, share, step_type_word, took_seconds
from agenttrace_server.console import charts, comparison
from agenttrace_server.console.change import Change, relative
from agenttrace_server.console.comparison import Difference, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from agenttrace.v1.query_service_pb2 import Stats
    from agenttrace_server.console.compare_read import Side

_BINS = 14
_MOST_TOOLS, _MOST_CODES = 15, 15


class Row(NamedTuple):
    """One figure of both sides; `few`: one of them is of too few runs to mean much."""

    name: str
    first: str
    second: str
    change: Change | None = None
    few: bool = False


class RateRow(NamedTuple):
    """One rate of both sides, and what can be said of its difference."""

    name: str
    style: str
    first: Rate
    second: Rate
    difference: Difference | None


def rate_row(name: str, first: Rate, second: Rate, style: str = "") -> RateRow:
    """Return two rates with their difference."""
    return RateRow(name, style, first, second, comparison.difference(first, second))


def durations(first: Stats, second: Stats) -> list[Row]:
    """Return the percentiles of how long runs took."""
    rows = []
    for a, b in zip(comparison.percentiles(first), comparison.percentiles(second), strict=True):
        change = relative(b.seconds, a.seconds, good="down")
        rows.append(Row(a.name, length(a.seconds), length(b.seconds), change, a.few or b.few))
    return rows


def per_run(first: Stats, second: Stats) -> list[Row]:
    """Return what a run takes on average."""
    a_run: list[tuple[str, Callable[[Stats], float], Callable[[float], str]]] = [
        ("Steps", lambda stats: stats.step_count, _decimal),
        ("Retries", lambda stats: stats.retry_count, _decimal),
        ("Tokens in", lambda stats: stats.input_tokens, charts.plain),
        ("Tokens out", lambda stats: stats.output_tokens, charts.plain),
        ("Cost", lambda stats: stats.cost_micro_usd, dollars),
    ]
    rows = [_row(name, _each(value, first), _each(value, second), spell) for name, value, spell in a_run]
    costs = comparison.cost_of_success(first), comparison.cost_of_success(second)
    return [*rows, _row("Cost of a successful run", *costs, dollars)]


def failures(first: Side, second: Side) -> list[RateRow]:
    """Return in how many runs each kind of failure was, the most frequent first."""
    a, b = _runs_by_code(first), _runs_by_code(second)
    kinds = sorted(a.keys() | b.keys(), key=lambda kind: (-a.get(kind, 0) - b.get(kind, 0), kind))
    runs_a, runs_b = first.stats.totals.run_count, second.stats.totals.run_count
    return [
        rate_row(kind[1], Rate(a.get(kind, 0), runs_a), Rate(b.get(kind, 0), runs_b), f"f-{kind[0]}")
        for kind in kinds[:_MOST_CODES]
    ]


def tools(first: Side, second: Side) -> list[RateRow]:
    """Return how often the steps of each tool failed, the most used first."""
    a, b = _by_tool(first), _by_tool(second)
    rows = [
        rate_row(name or "not told", a.get(name, Rate(0, 0)), b.get(name, Rate(0, 0))) for name in a.keys() | b.keys()
    ]
    return sorted(rows, key=lambda row: (-row.first.whole - row.second.whole, row.name))[:_MOST_TOOLS]


def step_mix(first: Side, second: Side) -> Markup:
    """Return how many steps of each type a run has."""
    a, b = _by_type(first), _by_type(second)
    types = sorted(a.keys() | b.keys(), key=lambda kind: (-max(a.get(kind, 0), b.get(kind, 0)), kind))
    series = _beside(first, second, [a.get(kind, 0.0) for kind in types], [b.get(kind, 0.0) for kind in types])
    return charts.histogram("Steps of a run by type", types, series, spell=_decimal)


def spread(first: Side, second: Side) -> Markup | None:
    """Return how the durations of the newest runs are spread; None where none has ended."""
    a, b = _durations(first), _durations(second)
    if not a and not b:
        return None
    low, width = _bins(min(a + b), max(a + b))
    labels = [length(low * width**index) for index in range(_BINS)]
    series = _beside(first, second, _shares(a, low, width), _shares(b, low, width))
    return charts.histogram("How durations are spread", labels, series, spell=lambda value: f"{value * 100:.0f} %")


def rates(title: str, first: Side, second: Side, rate: Callable[[Stats], Rate]) -> Markup:
    """Return a rate of both sides with its interval."""
    rows = []
    for side, style in ((first, "side-a"), (second, "side-b")):
        told = rate(side.stats.totals)
        rows.append(
            charts.Interval(
                f"{side.name} ({told.part:,} of {told.whole:,})",
                told.interval[0],
                told.value or 0.0,
                told.interval[1],
                style,
            )
        )
    return charts.intervals(title, rows, spell=share, heads=("Runs", "Share with its 95 % interval"))


def _beside(first: Side, second: Side, a: Sequence[float], b: Sequence[float]) -> list[charts.Series]:
    return [charts.Series(first.name, "side-a", a), charts.Series(second.name, "side-b", b)]


def _row(name: str, a: float | None, b: float | None, spell: Callable[[float], str]) -> Row:
    change = relative(b, a, good="down" if name.startswith(("Cost", "Retries")) else "")
    return Row(name, NONE if a is None else spell(a), NONE if b is None else spell(b), change)


def _each(value: Callable[[Stats], float], stats: Stats) -> float | None:
    return value(stats) / stats.run_count if stats.run_count else None


def _decimal(value: float) -> str:
    return f"{value:,.1f}"


def _runs_by_code(side: Side) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for told in side.stats.failures:
        kind = (failure_type_word(told.type), told.code)
        found[kind] = found.get(kind, 0) + told.run_count
    return found


def _by_type(side: Side) -> dict[str, float]:
    runs = side.stats.totals.run_count or 1
    return {step_type_word(told.type): told.step_count / runs for told in side.stats.step_types}


def _by_tool(side: Side) -> dict[str, Rate]:
    return {group.key: Rate(group.stats.failed_step_count, group.stats.step_count) for group in side.tools}


def _durations(side: Side) -> list[float]:
    return [took for run in side.newest if (took := took_seconds(run)) is not None]


def _bins(shortest: float, longest: float) -> tuple[float, float]:
    """Return where the first bin begins and how much longer each is than the one before: durations span decades."""
    low = max(shortest, 0.001)
    return low, max(1.05, math.pow(max(longest, low) / low, 1 / (_BINS - 1)))


def _shares(durations: Sequence[float], low: float, width: float) -> list[float]:
    counts = [0] * _BINS
    for taken in durations:
        place = int(math.log(max(taken, low) / low) / math.log(width) + 1e-9)
        counts[min(place, _BINS - 1)] += 1
    return [count / len(durations) if durations else 0.0 for count in counts]
