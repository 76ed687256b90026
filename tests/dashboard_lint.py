"""The 17 public rules of dashboard-linter, by their names; each yields what is wrong.

The rules on PromQL look at every dashboard, not only at those whose first data source is Prometheus, and at every
kind of panel. PromQL is read with regular expressions: enough for what the builder writes; promtool parses it besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dashboard_files import expand_promql, panels, variables

Board = Mapping[str, Any]
Rule = Callable[[Board], Iterator[str]]
SOURCE = re.compile(r"\$\{(\w+_)?datasource\}")
# Those of its closed list that these dashboards may use.
UNITS = {
    "none", "string", "short", "percentunit", "currencyUSD", "bytes", "s", "ms", "d", "ops", "reqps", "bool_on_off",
    "dateTimeFromNow", "dtdurations",
}  # fmt: skip
# A selector: its function, if it is alone in one, its name, its matchers, its range.
SELECTOR = re.compile(r"(?:\b(\w+)\()?(?<![\w:])([a-zA-Z_:][\w:]*)\{([^}]*)\}(?:\[([^\]]+)\])?")
LABEL_VALUES = re.compile(r"label_values\((?:(\w+)(?:\{[^}]*\})?, )?\w+\)")
RATES = {"rate", "irate", "increase"}
NO_QUERIES = {"alertlist"}


def promql_targets(board: Board) -> Iterator[tuple[str, str]]:
    """Panel title and expression."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            if "expr" in target:
                yield panel["title"], target["expr"]


def template_datasource(board: Board) -> Iterator[str]:
    sources = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    if not sources:
        yield "no data source is a variable"
    for source in sources:
        wanted = f"{source['query']}_datasource", f"{source['query'].capitalize()} data source"
        if (source["name"], source["label"]) != wanted:
            yield f"{source['name']} ({source['label']}) should be {wanted}"


def _label_template(board: Board, name: str) -> Iterator[str]:
    if not any(promql_targets(board)):
        return
    found = variables(board).get(name)
    if not found:
        yield f"no variable {name}"
        return
    wanted = {"type": "query", "label": name.capitalize(), "multi": True, "allValue": ".+"}
    yield from (f"{name}: {key} is not {value}" for key, value in wanted.items() if found.get(key) != value)
    if found["datasource"]["uid"] != "${prometheus_datasource}":
        yield f"{name} is not of the Prometheus data source"


def template_job(board: Board) -> Iterator[str]:
    yield from _label_template(board, "job")


def template_instance(board: Board) -> Iterator[str]:
    yield from _label_template(board, "instance")


def template_label_promql(board: Board) -> Iterator[str]:
    for variable in board["templating"]["list"]:
        if variable.get("datasource", {}).get("type") == "prometheus" and not LABEL_VALUES.fullmatch(variable["query"]):
            yield f"{variable['name']}: {variable['query']}"


def template_on_time_change_reload(board: Board) -> Iterator[str]:
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield str(variable["name"])


def panel_datasource(board: Board) -> Iterator[str]:
    for panel in panels(board):
        sources = [panel.get("datasource"), *(target.get("datasource") for target in panel.get("targets", []))]
        if panel["type"] not in NO_QUERIES and not all(
            source and SOURCE.fullmatch(source["uid"]) for source in sources
        ):
            yield f"{panel['title']}: {sources}"


def panel_title_description(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if not panel["title"] or not panel["description"]:
            yield f"panel {panel['id']}"


def panel_units(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] not in NO_QUERIES and panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{panel['title']}: {panel['fieldConfig']['defaults'].get('unit')}"


def panel_no_targets(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if panel["type"] not in NO_QUERIES and not panel.get("targets"):
            yield str(panel["title"])


def target_logql(board: Board) -> Iterator[str]:
    for panel in panels(board):
        if any(target["datasource"]["type"] == "loki" for target in panel.get("targets", [])):
            yield f"{panel['title']}: there is no log data source here"


def target_logql_auto(board: Board) -> Iterator[str]:
    for title, expr in promql_targets(board):
        if "$__auto" in expr:
            yield title


def target_promql(board: Board) -> Iterator[str]:
    for title, expr in promql_targets(board):
        left = SELECTOR.sub("", expand_promql(expr))
        if expr.count("(") != expr.count(")") or "$" in left or not SELECTOR.search(expr):
            yield f"{title}: {expr}"


def target_rate_interval(board: Board) -> Iterator[str]:
    for title, expr in promql_targets(board):
        for function, _, _, window in SELECTOR.findall(expr):
            if function in {"rate", "irate"} and window != "$__rate_interval":
                yield f"{title}: {function} over {window}"


def _matcher(board: Board, name: str) -> Iterator[str]:
    for title, expr in promql_targets(board):
        for _, metric, matchers, _ in SELECTOR.findall(expr):
            if f'{name}=~"${name}"' not in matchers:
                yield f"{title}: {metric}{{{matchers}}}"


def target_job(board: Board) -> Iterator[str]:
    yield from _matcher(board, "job")


def target_instance(board: Board) -> Iterator[str]:
    yield from _matcher(board, "instance")


def target_counter_agg(board: Board) -> Iterator[str]:
    for title, expr in promql_targets(board):
        for function, metric, _, window in SELECTOR.findall(expr):
            if metric.endswith("_total") and not (function in RATES and window):
                yield f"{title}: {metric}"


def uneditable_dashboard(board: Board) -> Iterator[str]:
    if board["editable"]:
        yield "it can be edited"


RULES: tuple[Rule, ...] = (
    template_datasource, template_job, template_instance, template_label_promql, template_on_time_change_reload,
    panel_datasource, panel_title_description, panel_units, panel_no_targets, target_logql, target_logql_auto,
    target_promql, target_rate_interval, target_job, target_instance, target_counter_agg, uneditable_dashboard,
)  # fmt: skip
