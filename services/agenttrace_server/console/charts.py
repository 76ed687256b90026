"""Charts as inline SVG: bars over time, lines, horizontal bars, intervals.

Every chart is a <figure> with its title as caption, a legend where there are several series, the
drawing, and the same numbers as a table that can be unfolded. Places along the width are per cent, so
that a chart is as wide as its place while its words stay as large as all others. Colours are classes
of static/charts.css: `s-success` of a status, `t-tool` of a step type, `f-tool` of a failure type,
`k-1` to `k-6` of anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from agenttrace_server.console import chart_tables, plots
from agenttrace_server.console.markup import element, joined
from agenttrace_server.console.plots import BarsBeside, Lines, StackedBars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

Spell: TypeAlias = "Callable[[float], str]"


class Series(NamedTuple):
    """One measure over all labels; None where nothing was measured."""

    name: str
    style: str
    values: Sequence[float | None]


class Bar(NamedTuple):
    """One horizontal bar: what it is of, how long, what is said behind it, where it leads."""

    label: str
    value: float
    style: str = "k-1"
    note: str = ""
    link: str = ""


class Interval(NamedTuple):
    """An estimate between its bounds, each from 0 to 1."""

    label: str
    low: float
    estimate: float
    high: float
    style: str = "k-1"


def plain(value: float) -> str:
    """Spell a count."""
    return f"{value:,.0f}"


def stacked_bars(
    title: str, labels: Sequence[str], series: Sequence[Series], *, spell: Spell = plain, links: Sequence[str] = ()
) -> Markup:
    """Return bars over time, one a label, the series on top of each other, the first at the bottom.

    Args:
        title: What is drawn.
        labels: What is written below the bars, such as times; the first, some between and the last are.
        series: Of what the bars are made; each has a value for every label.
        spell: Writes a value.
        links: Where a click on a bar leads, one for each label; none without.
    """
    return _over_time(title, labels, series, StackedBars(labels, series, spell, links), spell, links)


def line_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    spell: Spell = plain,
    links: Sequence[str] = (),
    top: float | None = None,
) -> Markup:
    """Return lines over time, broken where nothing was measured; `top` fixes the scale's end."""
    return _over_time(title, labels, series, Lines(labels, series, spell, links, top), spell, links)


def horizontal_bars(title: str, bars: Sequence[Bar], *, spell: Spell = plain, heads: tuple[str, str]) -> Markup:
    """Return bars below each other, each with its label and value: a table that is its own drawing.

    Args:
        title: What is drawn.
        bars: The bars, from top to bottom.
        spell: Writes a value.
        heads: What the labels are, and what the values are.
    """
    longest = max((bar.value for bar in bars), default=0)
    rows = joined(_bar_row(bar, longest, spell) for bar in bars)
    return _figure(title, _bars(heads, rows))


def intervals(title: str, rows: Sequence[Interval], *, spell: Spell, heads: tuple[str, str]) -> Markup:
    """Return estimates between 0 and 1 with their bounds, below each other on one scale."""
    highest = plots.round_up(max((row.high for row in rows), default=1.0))
    scale = min(1.0, highest) or 1.0
    body = joined(_interval_row(row, scale, spell) for row in rows)
    return _figure(title, _bars(heads, body))


def histogram(title: str, bins: Sequence[str], series: Sequence[Series], *, spell: Spell = plain) -> Markup:
    """Return how much fell into bins, which are named; the series stand beside each other."""
    return _over_time(title, bins, series, BarsBeside(bins, series, spell), spell, ())


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """Return names with their colours, as (name, style)."""
    items = joined(element("li", element("span", class_=f"swatch {style}"), name) for name, style in entries)
    return element("ul", items, class_="legend")


def _over_time(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    plot: plots.Plot,
    spell: Spell,
    links: Sequence[str],
) -> Markup:
    named = [(one.name, one.style) for one in series]
    parts = [legend(named)] if len(named) > 1 else []
    parts += [plot.draw(title), chart_tables.table(title, labels, series, spell, links)]
    return _figure(title, *parts)


def _figure(title: str, *parts: Markup) -> Markup:
    return element("figure", element("figcaption", title), *parts, class_="chart")


def _bars(heads: tuple[str, str], rows: Markup) -> Markup:
    head = element("tr", element("th", heads[0], scope="col"), element("th", heads[1], scope="col", colspan="2"))
    columns = joined(element("col", class_=name) for name in ("bar-label", "bar-drawn", "bar-said"))
    inside = (element("colgroup", columns), element("thead", head, class_="visually-hidden"), element("tbody", rows))
    return element("table", *inside, class_="bars")


def _bar_row(bar: Bar, longest: float, spell: Spell) -> Markup:
    share = 100 * bar.value / longest if longest else 0.0
    return _row(bar.label, bar.link, plots.level(share, bar.style), spell(bar.value), bar.note)


def _interval_row(row: Interval, scale: float, spell: Spell) -> Markup:
    low, estimate, high = (100 * part / scale for part in (row.low, row.estimate, row.high))
    drawing = plots.whisker(low, estimate, high, row.style)
    return _row(row.label, "", drawing, spell(row.estimate), f"{spell(row.low)} to {spell(row.high)}")


def _row(label: str, link: str, drawing: Markup, value: str, note: str) -> Markup:
    name = element("a", label, href=link) if link else label
    said = joined([element("span", value, class_="value"), *([element("small", note)] if note else [])])
    return element(
        "tr",
        element("th", name, scope="row"),
        element("td", drawing, class_="drawn"),
        element("td", said, class_="said"),
    )
