"""Charts: well-formed, with a table beside, and nothing in them taken for markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from markupsafe import Markup

from agenttrace.showing.wording import NONE
from agenttrace_server.console import charts
from agenttrace_server.console.charts import Bar, Interval, Series
from agenttrace_server.console.plots import round_up

HOSTILE = "<script>alert('x')</script>\"&\u202e"
LABELS = ["10:00", "11:00", HOSTILE]


def parsed(chart: Markup) -> ET.Element:
    return ET.fromstring(chart)


def texts(element: ET.Element, path: str) -> list[str]:
    return ["".join(found.itertext()) for found in element.iterfind(path)]


@pytest.mark.parametrize("draw", [charts.stacked_bars, charts.line_chart, charts.histogram])
def test_a_chart_over_labels_has_the_same_numbers_as_a_table(draw: object) -> None:
    chart = parsed(draw(HOSTILE, LABELS, [Series("a", "k-1", [1, None, 3]), Series(HOSTILE, "k-2", [0, 0, 1_234])]))  # type: ignore[operator]

    assert texts(chart, ".//tbody/tr/th") == LABELS
    assert texts(chart, ".//tbody/tr/td") == ["1", "0", NONE, "0", "3", "1,234"]
    assert texts(chart, ".//thead//th") == ["a", HOSTILE]
    assert texts(chart, "figcaption") == [HOSTILE]
    assert chart.find("svg").get("aria-label") == HOSTILE  # type: ignore[union-attr]


def test_bars_on_top_of_each_other_are_as_high_as_their_values() -> None:
    chart = parsed(charts.stacked_bars("t", ["a", "b"], [Series("x", "k-1", [10, 0]), Series("y", "k-2", [30, 40])]))

    bars = [found for found in chart.iter("rect") if "mark" in found.get("class", "")]

    assert [(found.get("y"), found.get("height")) for found in bars] == [
        ("112.5", "37.5"), ("0", "112.5"), ("0", "150"),
    ]  # fmt: skip


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    chart = parsed(charts.line_chart("t", list("abcde"), [Series("x", "k-1", [1, 2, None, 2, None])], top=2))

    assert [line.get("points") for line in chart.iter("polyline")] == ["10,75 30,0"]
    assert [(dot.get("cx"), dot.get("cy")) for dot in chart.iter("circle")] == [("70%", "0")]


def test_links_lead_from_the_bars_and_from_the_table() -> None:
    chart = parsed(charts.stacked_bars("t", ["a"], [Series("x", "k-1", [1])], links=["/runs?x=1&y=2"]))

    assert [(link.get("href"), link.get("tabindex")) for link in chart.iter("a")] == [
        ("/runs?x=1&y=2", "-1"), ("/runs?x=1&y=2", None),
    ]  # fmt: skip


def test_horizontal_bars_are_a_table() -> None:
    chart = parsed(charts.horizontal_bars("t", [Bar(HOSTILE, 4, note="n", link="/x"), Bar("b", 1)], heads=("k", "v")))

    assert texts(chart, ".//tbody/tr/th") == [HOSTILE, "b"]
    assert texts(chart, ".//td[@class='said']") == ["4n", "1"]
    assert [found.get("width") for found in chart.iter("rect")] == ["100%", "25%"]


def test_intervals_share_one_scale() -> None:
    rows = [Interval("a", 0.1, 0.2, 0.4), Interval("b", 0.0, 0.0, 0.1)]
    chart = parsed(charts.intervals("t", rows, spell=lambda value: f"{value:.2f}", heads=("k", "v")))

    assert [found.get("cx") for found in chart.iter("circle")] == ["50%", "0%"]
    assert texts(chart, ".//td[@class='said']") == ["0.200.10 to 0.40", "0.000.00 to 0.10"]


def test_a_chart_of_nothing_is_one() -> None:
    parsed(charts.stacked_bars("t", [], []))
    parsed(charts.line_chart("t", ["a"], [Series("x", "k-1", [None])]))
    parsed(charts.horizontal_bars("t", [], heads=("k", "v")))


@pytest.mark.parametrize(("value", "end"), [(0, 1), (1, 1), (3, 4), (34, 40), (0.07, 0.08), (99, 100), (1_001, 2_000)])
def test_a_scale_ends_at_a_round_number(value: float, end: float) -> None:
    assert round_up(value) == pytest.approx(end)
