"""The committed Grafana dashboards, and what Grafana makes of their queries before a data source sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "dashboards/grafana/dashboards"
# Panels on PromQL that are empty on healthy services: there is nothing of the kind, or not for long enough.
MAY_BE_EMPTY = {
    "Errors by code",
    "Failures per second",
    "Names beyond the cap",
    "Open files",
    "Failure rate by agent",
    "Restarts in an hour",
    "Dependencies",
}
_REFERENCE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(?!__)(\w+)")
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Expression(NamedTuple):
    """A PromQL query of a panel, with its variables put in. `must_have_data`: on healthy services under load."""

    uid: str
    title: str
    expr: str
    must_have_data: bool


class AllOf(str):
    """What stands for "All" in a variable that has a value of its own for it: put in as it is, whatever the format."""

    __slots__ = ()


@dataclass(frozen=True)
class TimeRange:
    """What the reader looks at."""

    end: datetime = field(default_factory=lambda: datetime.now(UTC))
    length: timedelta = timedelta(hours=24)
    interval: str = "5m"

    def literal(self, which: str) -> str:
        time = self.end if which == "to" else self.end - self.length
        return f"'{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"


@cache
def boards() -> Mapping[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    loaded = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {board["uid"]: board for board in loaded}


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard, those in folded rows as well; no rows."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def variables(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a dashboard by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def statements(board: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None, dict[str, Any]]]:
    """Title, panel and target of every SQL statement; annotations and variables have no panel."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            if "rawSql" in target:
                yield panel["title"], panel, target
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], None, annotation["target"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and is_postgres(variable["datasource"]):
            yield f"variable {variable['name']}", None, {"rawSql": variable["query"], "format": "table"}


def expressions() -> list[Expression]:
    """Every PromQL query of every panel; variables say "all", windows are those of a range of an hour."""
    return [
        Expression(uid, panel["title"], expand_promql(target["expr"]), panel["title"] not in MAY_BE_EMPTY)
        for uid, board in boards().items()
        for panel in panels(board)
        for target in panel.get("targets", [])
        if "expr" in target
    ]


def expand_promql(expr: str, project: str = "default") -> str:
    """Put values where variables stand."""
    for name, value in {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}.items():
        expr = expr.replace(name, value)
    values = {"job": ".+", "instance": ".+", "agent_regex": ".*", "project": project}
    return _REFERENCE.sub(lambda found: values[found[1] or found[3]], expr)


def is_postgres(source: Mapping[str, Any]) -> bool:
    return source["type"] == "grafana-postgresql-datasource"


def expand(sql: str, values: Mapping[str, str | Sequence[str]], time: TimeRange) -> str:
    """Return SQL as the database gets it: variables in the browser, then words, then macros, in Grafana's order."""
    sql = _REFERENCE.sub(lambda found: _formatted(values[found[1] or found[3]], found[2]), sql)
    seconds = _seconds(time.interval)
    start, end = (round((time.end - part).timestamp()) for part in (time.length, timedelta()))
    words = {
        "$__interval_ms": str(round(seconds * 1000)),
        "$__interval": time.interval,
        "$__unixEpochFrom()": str(start),
        "$__unixEpochTo()": str(end),
    }
    for word, value in words.items():
        sql = sql.replace(word, value)
    return _MACRO.sub(lambda found: _macro(found[1], [part.strip() for part in found[2].split(",")], time), sql)


def _formatted(value: str | Sequence[str], form: str | None) -> str:
    if isinstance(value, AllOf):
        return str(value)
    several = [value] if isinstance(value, str) else list(value)
    quoted = ["'" + one.replace("'", "''") + "'" for one in several]
    forms = {
        None: several[0] if len(several) == 1 else ",".join(quoted),
        "sqlstring": ",".join(quoted),
        "raw": ",".join(several),
        "csv": ",".join(several),
        "singlequote": ",".join("'" + one.replace("'", "\\'") + "'" for one in several),
        "pipe": "|".join(several),
    }
    return forms[form]


def _macro(name: str, arguments: list[str], time: TimeRange) -> str:
    column = arguments[0]
    if name == "__time":
        return f'{column} AS "time"'
    if name == "__timeFilter":
        return f"{column} BETWEEN {time.literal('from')} AND {time.literal('to')}"
    if name in {"__timeFrom", "__timeTo"}:
        return time.literal(name.removeprefix("__time").lower())
    if name in {"__timeGroup", "__timeGroupAlias"}:
        seconds = _seconds(arguments[1].strip("'"))
        alias = ' AS "time"' if name.endswith("Alias") else ""
        return f"floor(extract(epoch from {column})/{seconds:g})*{seconds:g}{alias}"
    raise ValueError(f"Grafana knows no macro ${name}")


def _seconds(interval: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|[smhd])", interval).groups()  # type: ignore[union-attr]
    return int(number) * (0.001 if unit == "ms" else _UNITS[unit])
