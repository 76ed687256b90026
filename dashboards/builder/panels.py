"""The panels that the dashboards use, one function a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.builder.fields import NEUTRAL, Column, Json, Steps, colors, thresholds

POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "${postgres_datasource}"}
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus_datasource}"}
# Newer Grafana migrates tables whose version is older than its own: this one's way is understood by all.
_PLUGIN_VERSION = "11.0.0"


def sql(statement: str, *, series: bool = False, ref: str = "A") -> Json:
    """A query of the PostgreSQL data source. `series`: the first column is the time."""
    kind = "time_series" if series else "table"
    query = {"rawSql": statement, "rawQuery": True, "format": kind, "editorMode": "code"}
    return {"refId": ref, "datasource": POSTGRES, **query}


def promql(expr: str, legend: str = "", *, ref: str = "A", instant: bool = False, exemplars: bool = False) -> Json:
    """A query of the Prometheus data source."""
    target: Json = {"refId": ref, "datasource": PROMETHEUS, "editorMode": "code", "expr": expr, "legendFormat": legend}
    target |= {"range": not instant, "instant": instant, "exemplar": exemplars}
    return target | ({"format": "table"} if instant and not legend else {})


def promqls(*queries: tuple[str, str], exemplars: bool = False) -> list[Json]:
    """Several queries with their legends in one panel."""
    return [
        promql(expr, legend, ref=chr(ord("A") + place), exemplars=exemplars)
        for place, (expr, legend) in enumerate(queries)
    ]


def stat(
    title: str,
    description: str,
    targets: Json | list[Json],
    *,
    unit: str,
    steps: Steps = NEUTRAL,
    change: str = "",
    names: bool = False,
    **more: Any,
) -> Json:
    """One number. `change`: compare with the first row; `standard` where more is better, or `inverted`."""
    options = {
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name" if names else "value",
        "wideLayout": True,
        "showPercentChange": bool(change),
        "percentChangeColorMode": change or "standard",
    }
    return _panel("stat", title, description, targets, unit=unit, steps=steps, options=options, **more)


def timeseries(
    title: str,
    description: str,
    targets: Json | list[Json],
    *,
    unit: str,
    bars: bool = False,
    names: Mapping[str, str] | None = None,
    steps: Steps = NEUTRAL,
    **more: Any,
) -> Json:
    """Values over time. `bars`: stacked; `names`: a colour for each series."""
    custom: Json = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": False}
    if bars:
        custom = {
            "drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"},
        }  # fmt: skip
    if len(steps) > 1:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more = {"overrides": colors(names or {}), "custom": custom, **more}
    return _panel("timeseries", title, description, targets, unit=unit, steps=steps, options=options, **more)


def table(title: str, description: str, targets: Json | list[Json], columns: Mapping[str, Column], **more: Any) -> Json:
    """Rows; each column has its unit and looks."""
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    overrides = [column.override(name) for name, column in columns.items()]
    more = {"unit": "short", "custom": {"inspect": True, "filterable": True}, "overrides": overrides, **more}
    return _panel("table", title, description, targets, options=options, **more)


def barchart(
    title: str,
    description: str,
    targets: Json | list[Json],
    *,
    unit: str,
    field: str,
    stacked: bool = False,
    **more: Any,
) -> Json:
    """Bars for the values beside a text column `field`."""
    options = {
        "orientation": "horizontal",
        "xField": field,
        "stacking": "normal" if stacked else "none",
        "showValue": "auto",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": stacked, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return _panel("barchart", title, description, targets, unit=unit, options=options, **more)


def piechart(
    title: str, description: str, targets: Json | list[Json], *, unit: str, words: Mapping[str, str], **more: Any
) -> Json:
    """Shares of a whole: a row each, with a text and a number."""
    options = {
        "pieType": "donut",
        "reduceOptions": {"calcs": [], "fields": "", "values": True},
        "displayLabels": ["name", "percent"],
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    more = {"overrides": colors(words), **more}
    return _panel("piechart", title, description, targets, unit=unit, options=options, **more)


def histogram(title: str, description: str, targets: Json | list[Json], *, unit: str, **more: Any) -> Json:
    """How values are distributed."""
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}
    options = {"combine": False, "bucketOffset": 0, "legend": legend}
    return _panel("histogram", title, description, targets, unit=unit, options=options, **more)


def heatmap(title: str, description: str, targets: Json | list[Json], *, unit: str, **more: Any) -> Json:
    """Buckets of a Prometheus histogram over time."""
    options = {
        "calculate": False,
        "yAxis": {"unit": unit, "axisPlacement": "left"},
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
        "cellGap": 1,
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    }
    return _panel("heatmap", title, description, targets, unit=unit, options=options, **more)


def traces(title: str, description: str, targets: Json | list[Json], **more: Any) -> Json:
    """A trace. Its JSON columns come as text: the only form that all drivers give alike."""
    conversions = [{"targetField": field, "destinationType": "other"} for field in ("tags", "serviceTags", "logs")]
    transformation = {"id": "convertFieldType", "options": {"fields": {}, "conversions": conversions}}
    more = {"unit": "ms", "transformations": [transformation], **more}
    return _panel("traces", title, description, targets, options={}, **more)


def node_graph(title: str, description: str, targets: Json | list[Json], **more: Any) -> Json:
    """A graph from a query `nodes` and a query `edges`."""
    options = {"nodes": {"mainStatUnit": "short"}, "edges": {"mainStatUnit": "short"}}
    return _panel("nodeGraph", title, description, targets, unit="short", options=options, **more)


def alert_list(title: str, description: str, *, w: int, h: int) -> Json:
    """What fires now, of all alerting data sources."""
    states = {"firing": True, "pending": True, "error": True, "noData": False, "normal": False}
    options = {
        "viewMode": "list", "groupMode": "default", "groupBy": [], "maxItems": 20, "sortOrder": 3,
        "dashboardAlerts": False, "alertName": "", "alertInstanceLabelFilter": "", "stateFilter": states,
    }  # fmt: skip
    panel = {"type": "alertlist", "title": title, "description": description, "options": options}
    return panel | {"gridPos": {"w": w, "h": h}}


def row(title: str, panels: Sequence[Json] = ()) -> Json:
    """A heading; with panels it is folded."""
    panel = {"type": "row", "title": title, "collapsed": bool(panels), "panels": list(panels)}
    return panel | {"gridPos": {"w": 24, "h": 1}}


def _panel(
    kind: str,
    title: str,
    description: str,
    targets: Json | list[Json],
    *,
    unit: str,
    options: Json,
    w: int,
    h: int,
    steps: Steps = NEUTRAL,
    empty: str = "Nothing in this time range",
    overrides: Sequence[Json] = (),
    custom: Json | None = None,
    links: Sequence[Json] = (),
    data_links: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
    decimals: int | None = None,
    **top: Any,
) -> Json:
    """What all kinds have; `empty` is shown where there are no values."""
    targets = targets if isinstance(targets, list) else [targets]
    defaults: Json = {"unit": unit, "noValue": empty, "thresholds": thresholds(steps), "custom": custom or {}}
    defaults["color"] = {"mode": "thresholds" if kind in {"stat", "table"} else "palette-classic"}
    if unit == "percentunit":
        defaults |= {"min": 0}
    if decimals is not None:
        defaults["decimals"] = decimals
    if data_links:
        defaults["links"] = list(data_links)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "gridPos": {"w": w, "h": h},
        "datasource": targets[0]["datasource"],
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "links": list(links),
        "transformations": list(transformations),
        "pluginVersion": _PLUGIN_VERSION,
        **top,
    }
