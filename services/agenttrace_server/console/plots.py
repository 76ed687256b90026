"""The drawings inside of charts: a scale, marks upon it, and what a pointer over them is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from agenttrace.showing.wording import NONE
from agenttrace_server.console.markup import element, joined, spelt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markupsafe import Markup

    from agenttrace_server.console.charts import Series

# How high a drawing is, in pixels; its width is per cent of the place.
HEIGHT = 150
_MOST_WORDS = 6
# Of a bar's place, the rest stays free.
_BAR_SHARE = 0.82


class Plot:
    """What all drawings over labels share."""

    def __init__(
        self,
        labels: Sequence[str],
        series: Sequence[Series],
        spell: Callable[[float], str],
        links: Sequence[str] = (),
        top: float | None = None,
    ) -> None:
        self._labels, self._series, self._spell, self._links = labels, series, spell, links
        self._top = top or round_up(self._highest())
        self._width = 100 / max(1, len(labels))

    def draw(self, title: str) -> Markup:
        """Return the drawing."""
        parts = [*self._grid(), *self._marks(), *(self._place(index) for index in range(len(self._labels)))]
        parts.append(self._words())
        # With links in it, it is a group of these; without, one picture.
        return element(
            "svg", *parts, class_="plot", role="group" if self._links else "img", aria_label=title, height=HEIGHT + 20
        )

    def _highest(self) -> float:
        return max((value for one in self._series for value in one.values if value is not None), default=0.0)

    def _marks(self) -> Iterator[Markup]:
        raise NotImplementedError

    def _height(self, value: float) -> float:
        """Return how high a value stands, in pixels."""
        return min(1.0, value / self._top) * HEIGHT

    def _grid(self) -> Iterator[Markup]:
        for value in (0.0, self._top / 2, self._top):
            if value != self._top and value and self._spell(value) in {self._spell(0.0), self._spell(self._top)}:
                continue  # half of one run is none
            y = HEIGHT - self._height(value)
            yield element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y)
            yield element("text", self._spell(value), class_="scale", x=-6, y=y, dy="0.35em")

    def _place(self, index: int) -> Markup:
        """Return what lies over one label's marks: it tells their numbers, and may lead somewhere."""
        said = [f"{one.name}: {self._told(one.values[index])}" for one in self._series]
        words = element("title", "\n".join([self._labels[index], *said]))
        area = element(
            "rect", words, class_="hit", x=_share(index * self._width), width=_share(self._width), height=HEIGHT
        )
        if not self._links:
            return area
        # The table has the same links for keyboards.
        return element("a", area, href=self._links[index], tabindex=-1, aria_label=self._labels[index])

    def _told(self, value: float | None) -> str:
        return NONE if value is None else self._spell(value)

    def _words(self) -> Markup:
        """Return the labels below: the first, the last and a few between, of which a narrow screen leaves some out."""
        count = len(self._labels)
        step = max(1, math.ceil(count / _MOST_WORDS))
        return joined(
            element(
                "text",
                self._labels[index],
                class_="label" if place % 2 == 0 else "label minor",
                x=_share((index + 0.5) * self._width),
                y=HEIGHT + 16,
            )
            for place, index in enumerate(range(0, count, step))
        )


class Bars(Plot):
    """Bars over labels."""

    def _columns(self) -> list[tuple[float | None, ...]]:
        return list(zip(*(one.values for one in self._series), strict=True))

    def _bar(self, style: str, x: float, width: float, value: float, floor: float) -> Markup:
        shape = upright(self._height(value), floor)
        return element("rect", class_=f"mark {style}", x=_share(x + self._width * 0.09), width=_share(width), **shape)


class StackedBars(Bars):
    """Bars over labels, the series on top of each other."""

    def _highest(self) -> float:
        return max((sum(value or 0 for value in column) for column in self._columns()), default=0.0)

    def _marks(self) -> Iterator[Markup]:
        for index, column in enumerate(self._columns()):
            floor = float(HEIGHT)
            for one, value in zip(self._series, column, strict=True):
                if value:
                    yield self._bar(one.style, index * self._width, self._width * _BAR_SHARE, value, floor)
                    floor -= self._height(value)


class BarsBeside(Bars):
    """Bars over labels, the series beside each other."""

    def _marks(self) -> Iterator[Markup]:
        for index, column in enumerate(self._columns()):
            width = self._width * _BAR_SHARE / len(column)
            for number, (one, value) in enumerate(zip(self._series, column, strict=True)):
                if value:
                    yield self._bar(one.style, index * self._width + number * width, width, value, float(HEIGHT))


class Lines(Plot):
    """Lines over labels; a value between two gaps is a dot."""

    def _marks(self) -> Iterator[Markup]:
        for one in self._series:
            runs = list(_unbroken(one.values))
            paths = joined(self._line(run) for run in runs if len(run) > 1)
            # A box of its own: paths know no per cent. Its strokes are not stretched with it.
            yield element(
                "svg", paths, class_=f"stretched {one.style}", viewBox=f"0 0 100 {HEIGHT}", height=HEIGHT,
                preserveAspectRatio="none",
            )  # fmt: skip
            yield from (self._dot(one.style, *run[0]) for run in runs if len(run) == 1)

    def _line(self, run: Sequence[tuple[int, float]]) -> Markup:
        points = " ".join(f"{spelt((i + 0.5) * self._width)},{spelt(HEIGHT - self._height(value))}" for i, value in run)
        return element("polyline", class_="line", points=points)

    def _dot(self, style: str, index: int, value: float) -> Markup:
        x = _share((index + 0.5) * self._width)
        return element("circle", class_=f"mark {style}", cx=x, cy=HEIGHT - self._height(value), r=2.5)


def upright(height: float, floor: float) -> dict[str, Any]:
    """Return y and height of a bar that stands on `floor`; anything above nothing is seen."""
    seen = max(height, 1.0) if height > 0 else 0.0
    return {"y": floor - seen, "height": seen}


def level(share: float, style: str) -> Markup:
    """Return one horizontal bar, `share` per cent of its place long."""
    bar = element("rect", class_="mark", width=_share(max(share, 0.5) if share > 0 else 0.0), height="100%", rx=2)
    return element("svg", bar, class_=f"level {style}", aria_hidden="true")


def whisker(low: float, estimate: float, high: float, style: str) -> Markup:
    """Return an estimate as a dot on the line between its bounds, in per cent of its place."""
    parts = [element("line", class_="line", x1=_share(low), x2=_share(high), y1="50%", y2="50%")]
    parts += [element("line", class_="line", x1=_share(x), x2=_share(x), y1="20%", y2="80%") for x in (low, high)]
    parts.append(element("circle", class_="mark", cx=_share(estimate), cy="50%", r=4.5))
    return element(
        "svg",
        element("line", class_="grid", x2="100%", y1="50%", y2="50%"),
        *parts,
        class_=f"level {style}",
        aria_hidden="true",
    )


def round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 6, 8 and their multiples by ten: a scale's end; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 2, 4, 6, 8, 10) if value <= unit * step * (1 + 1e-9))


def _share(value: float) -> str:
    return f"{spelt(float(value))}%"


def _unbroken(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Yield the stretches without a gap, each as (index, value)."""
    stretch: list[tuple[int, float]] = []
    for index, value in enumerate(values):
        if value is not None:
            stretch.append((index, value))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch
