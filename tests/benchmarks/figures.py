"""What was measured: a figure beside its limit or rival, its goal, and the table they make."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure should reach; of its ratio to its rival where it has one, else of its median."""

    at_least: float | None = None
    at_most: float | None = None
    of_ratio: bool = False

    def __str__(self) -> str:
        sign, limit = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
        return f"{'ratio ' if self.of_ratio else ''}{sign} {limit:,g}"

    def met_by(self, value: float) -> bool:
        """Whether the value reaches it."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured once in each round. `rival`: measured beside it, round by round."""

    name: str
    unit: str
    samples: Sequence[float]
    rival: Figure | None = None
    goal: Goal | None = None
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios to the rival in the same round."""
        if self.rival is None:
            return None
        pairs = zip(self.samples, self.rival.samples, strict=True)
        return statistics.median(own / other for own, other in pairs if other) if any(self.rival.samples) else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        value = self.ratio if self.goal and self.goal.of_ratio else self.median
        return None if self.goal is None or value is None else self.goal.met_by(value)

    def as_json(self) -> dict[str, Any]:
        """Everything that is known of it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": None if math.isnan(self.median) else self.median,
            "samples": [None if math.isnan(sample) else sample for sample in self.samples],
            "rival": self.rival.name if self.rival else None,
            "ratio": self.ratio,
            "goal": str(self.goal) if self.goal else None,
            "met": self.met,
            "note": self.note,
            **({"details": dict(self.details)} if self.details else {}),
        }


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that `percent` of all do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(title: str, figures: Sequence[Figure]) -> Table:
    """The figures of a section, to be printed."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column, justify in (("figure", "left"), ("median", "right"), ("spread", "right"), ("", "left")):
        made.add_column(column, justify=justify)  # type: ignore[arg-type]
    for column in ("ratio to", "goal", "met", "note"):
        made.add_column(column)
    for figure in figures:
        made.add_row(*_cells(figure))
    return made


def _cells(figure: Figure) -> list[str]:
    spread = f"{_short(min(figure.samples))} - {_short(max(figure.samples))}" if len(figure.samples) > 1 else ""
    beside = f"{figure.ratio:.2f} {figure.rival.name}" if figure.ratio is not None and figure.rival else ""
    met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[figure.met]
    goal = str(figure.goal) if figure.goal else ""
    return [figure.name, _short(figure.median), spread, figure.unit, beside, goal, met, figure.note]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
