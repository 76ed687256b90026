"""The columns of tables, and those that look alike on every dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

from dashboards.builder import links
from dashboards.builder.fields import (
    AGO,
    COUNT,
    FAILURE_RATE,
    FAILURE_TYPES,
    FAULTS,
    OUTCOMES,
    SECONDS,
    USD,
    Json,
    Measure,
    mappings,
    override,
)


@dataclass(frozen=True, slots=True)
class Column:
    """How a column looks. `gauge`: a bar in the cell; `words`: a colour for each text; no title: its name's words."""

    name: str
    title: str | None = None
    measure: Measure = COUNT
    _: KW_ONLY
    link: Json | None = None
    words: Mapping[str, str] | None = None
    gauge: bool = False
    background: bool = False
    width: int = 0
    hidden: bool = False

    def override(self) -> Json:
        """The override that gives the column its looks."""
        title = self.name.replace("_", " ").capitalize() if self.title is None else self.title
        properties = [{"id": "displayName", "value": title}, *self._values(), *self._cell()]
        if self.width:
            properties.append({"id": "custom.width", "value": self.width})
        if self.link:
            properties.append({"id": "links", "value": [self.link]})
        if self.hidden:
            properties.append({"id": "custom.hidden", "value": True})
        return override(self.name, properties)

    def _values(self) -> list[Json]:
        properties: list[Json] = []
        if self.measure.unit != COUNT.unit:  # which the table has
            properties.append({"id": "unit", "value": self.measure.unit})
        if self.measure.steps:
            properties.append({"id": "thresholds", "value": self.measure.thresholds()})
        if self.words:
            properties.append({"id": "mappings", "value": mappings(self.words)})
        return properties

    def _cell(self) -> list[Json]:
        if self.gauge:
            return [{"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic"}}]
        if self.background:
            return [{"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}}]
        if self.words or self.measure.steps:
            return [{"id": "custom.cellOptions", "value": {"type": "color-text"}}]
        return []


def hidden(name: str) -> Column:
    """A column that links need and nobody reads."""
    return Column(name, "", hidden=True)


def known(name: str) -> Column:
    """The column of this name as every dashboard shows it."""
    return _KNOWN.get(name) or Column(name)


RUN = (Column("run_id", "Run", link=links.RUN, width=290), hidden("from_ms"), hidden("to_ms"))
AGENT = Column("agent", link=links.RUNS_OF_AGENT)
FAILURE_TYPE = Column("type", words=FAILURE_TYPES)

_KNOWN = {
    column.name: column
    for column in (
        Column("cost", measure=USD),
        Column("cost_usd", "Cost", USD),
        Column("duration_seconds", "Duration", SECONDS),
        Column("exception_type", "Exception"),
        Column("failed_steps", measure=FAULTS),
        Column("failure_rate", measure=FAILURE_RATE, gauge=True),
        Column("input_tokens", "Tokens in"),
        Column("last_run", measure=AGO),
        Column("last_seen", measure=AGO),
        Column("occur_time", "Time"),
        Column("output_tokens", "Tokens out"),
        Column("remedy", "What to do", width=400),
        Column("start_time", "Started"),
        Column("status", words=OUTCOMES),
        Column("table_name", "Table"),
        Column("title", "What it means"),
        Column("used", "Tool, model or source"),
    )
}
