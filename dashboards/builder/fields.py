"""How values look: units, thresholds and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a number is: its unit, and from which value on it has which colour; the first colour has no value."""

    unit: str = "short"
    steps: Sequence[tuple[float | None, str]] = ()

    def thresholds(self) -> Json:
        """Thresholds at absolute values."""
        steps = self.steps or [(None, "blue")]
        return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


COUNT = Measure()
FAULTS = Measure(steps=[(None, "green"), (1, "orange")])
SHARE = Measure("percentunit")
FAILURE_RATE = Measure("percentunit", [(None, "green"), (0.05, "yellow"), (0.2, "orange"), (0.5, "red")])
USD = Measure("currencyUSD")
BYTES = Measure("bytes")
DAYS = Measure("d")
SECONDS = Measure("s")
LATENCY = Measure("s", [(None, "green"), (1, "orange")])
AGO = Measure("dateTimeFromNow")
PER_SECOND = Measure("ops")

OUTCOMES = {
    "SUCCESS": "green",
    "PARTIAL": "yellow",
    "FAILURE": "red",
    "ABANDONED": "dark-red",
    "CANCELLED": "gray",
    "RUNNING": "blue",
}
STEP_OUTCOMES = {"OK": "green", "ERROR": "red"}
FAILURE_TYPES = {"TOOL": "orange", "MODEL": "purple", "RETRIEVAL": "blue", "ORCHESTRATION": "red"}


def override(name: str, properties: Sequence[Json]) -> Json:
    """What is different for the field of this name."""
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def colors(by_name: Mapping[str, str]) -> list[Json]:
    """Overrides: a fixed colour for each series."""
    return [override(name, [_fixed(color)]) for name, color in by_name.items()]


def invisible(name: str) -> Json:
    """The override of bars that take their place and are not seen."""
    hidden = {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": True, "viz": False}}
    return override(name, [_fixed("transparent"), hidden])


def mappings(words: Mapping[str, str]) -> list[Json]:
    """A colour for each text."""
    texts = {word: {"color": color, "index": place} for place, (word, color) in enumerate(words.items())}
    return [{"type": "value", "options": texts}]


def _fixed(color: str) -> Json:
    return {"id": "color", "value": {"mode": "fixed", "fixedColor": color}}
