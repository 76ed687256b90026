"""How values look: units, thresholds, colours, columns of tables, and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
# From which value on which colour; the first holds from the lowest value.
Steps = Sequence[tuple[float | None, str]]

NEUTRAL: Steps = [(None, "blue")]
FAILURE_RATE: Steps = [(None, "green"), (0.05, "yellow"), (0.2, "orange"), (0.5, "red")]
ANY_IS_BAD: Steps = [(None, "green"), (1, "orange")]
SLOW: Steps = [(None, "green"), (1, "orange")]  # seconds
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

# The whole way: the run's own time range, and the data source that the reader has chosen.
RUN = (
    "/d/agenttrace-run?var-run_id=${__data.fields.run_id:percentencode}"
    "&from=${__data.fields.from_ms}&to=${__data.fields.to_ms}&${postgres_datasource:queryparam}"
)
RUNS_OF_AGENT = (
    "/d/agenttrace-runs?var-agent=${__data.fields.agent:percentencode}"
    "&${project:queryparam}&${env:queryparam}&${__url_time_range}&${postgres_datasource:queryparam}"
)
FAILURES_OF_TYPE = (
    "/d/agenttrace-failures?var-failure_type=${__data.fields.type:percentencode}"
    "&${project:queryparam}&${agent:queryparam}&${env:queryparam}&${__url_time_range}&${postgres_datasource:queryparam}"
)


def link(title: str, url: str) -> Json:
    """A data link or panel link."""
    return {"title": title, "url": url, "targetBlank": False}


def board_link(title: str, uid: str, *, keeping: Sequence[str] = ("project", "agent", "env")) -> Json:
    """A link to another dashboard that keeps the time range and these variables."""
    kept = "".join(f"&${{{name}:queryparam}}" for name in keeping)
    return link(title, f"/d/{uid}?${{__url_time_range}}{kept}")


def thresholds(steps: Steps) -> Json:
    """Thresholds at absolute values."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def colors(by_name: Mapping[str, str]) -> list[Json]:
    """Overrides: a fixed colour for each series."""
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
        }
        for name, color in by_name.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a column of a table looks. `gauge`: a bar in the cell; `words`: a colour for each text."""

    title: str
    unit: str = ""
    url: str = ""
    link_title: str = "Open"
    words: Mapping[str, str] | None = None
    steps: Steps | None = None
    gauge: bool = False
    background: bool = False
    width: int = 0
    hidden: bool = False

    def override(self, name: str) -> Json:
        """The override that gives the column of this name its looks."""
        properties = [{"id": "displayName", "value": self.title}, *self._values(), *self._cell()]
        if self.width:
            properties.append({"id": "custom.width", "value": self.width})
        if self.url:
            properties.append({"id": "links", "value": [link(self.link_title, self.url)]})
        if self.hidden:
            properties.append({"id": "custom.hidden", "value": True})
        return {"matcher": {"id": "byName", "options": name}, "properties": properties}

    def _values(self) -> list[Json]:
        properties: list[Json] = []
        if self.unit:
            properties.append({"id": "unit", "value": self.unit})
        if self.steps:
            properties.append({"id": "thresholds", "value": thresholds(self.steps)})
        if self.words:
            texts = {word: {"color": color, "index": place} for place, (word, color) in enumerate(self.words.items())}
            properties.append({"id": "mappings", "value": [{"type": "value", "options": texts}]})
        return properties

    def _cell(self) -> list[Json]:
        if self.gauge:
            return [{"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic"}}]
        if self.background:
            return [{"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}}]
        if self.words or self.steps:
            return [{"id": "custom.cellOptions", "value": {"type": "color-text"}}]
        return []


HIDDEN = Column(title="", hidden=True)
RUN_COLUMNS: Mapping[str, Column] = {
    "run_id": Column(title="Run", url=RUN, link_title="Open run", width=290),
    "from_ms": HIDDEN,
    "to_ms": HIDDEN,
}
STATUS = Column(title="Status", words=OUTCOMES)
