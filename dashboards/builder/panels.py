"""The panels that the dashboards use, one function a kind. A source that is a text is SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypedDict, Unpack

from dashboards.builder.columns import Column, known
from dashboards.builder.fields import COUNT, Json, Measure, colors, mappings
from dashboards.builder.queries import sql

# Newer Grafana migrates tables whose version is older than its own: this one's way is understood by all.
_PLUGIN_VERSION = "11.0.0"
Source = str | Json | list[Json]


class Settings(TypedDict, total=False):
    """What a panel of any kind may have; `empty` is shown where there are no values."""

    empty: str
    decimals: int
    link: Json
    data_link: Json
    time_from: str


def stat(
    title: str,
    description: str,
    source: Source,
    measure: Measure = COUNT,
    *,
    words: Mapping[str, str] | None = None,
    **settings: Unpack[Settings],
) -> Json:
    """One number, or a text with a colour for each of `words`."""
    options = _number("/.*/" if words else "")
    return _panel("stat", title, description, source, measure, options, words=words, **settings)


def trend(
    title: str,
    description: str,
    statement: str,
    measure: Measure = COUNT,
    *,
    more_is_better: bool = False,
    named: bool = False,
    **settings: Unpack[Settings],
) -> Json:
    """One number beside that of the period before, which is the statement's first row."""
    change = {"showPercentChange": True, "percentChangeColorMode": "standard" if more_is_better else "inverted"}
    options = _number() | change | ({"textMode": "value_and_name"} if named else {})
    return _panel("stat", title, description, sql(statement, series=True), measure, options, **settings)


def timeseries(
    title: str,
    description: str,
    source: Source,
    measure: Measure = COUNT,
    *,
    bars: bool = False,
    names: Mapping[str, str] = MappingProxyType({}),
    **settings: Unpack[Settings],
) -> Json:
    """Values over time. `bars`: stacked; `names`: a colour for each series."""
    source = sql(source, series=True) if isinstance(source, str) else source
    custom: Json = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": False}
    if bars:
        custom = {
            "drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"},
        }  # fmt: skip
    if measure.steps:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel(
        "timeseries", title, description, source, measure, options, custom=custom, overrides=colors(names), **settings
    )


def table(
    title: str,
    description: str,
    source: Source,
    columns: Sequence[Column | str],
    measure: Measure = COUNT,
    **settings: Unpack[Settings],
) -> Json:
    """Rows; a column that is given by its name alone looks as it does everywhere."""
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    custom = {"inspect": True, "filterable": True}
    looks = [(known(column) if isinstance(column, str) else column).override() for column in columns]
    return _panel("table", title, description, source, measure, options, custom=custom, overrides=looks, **settings)


def barchart(
    title: str,
    description: str,
    source: Source,
    measure: Measure = COUNT,
    *,
    by: str,
    stacked: bool = False,
    overrides: Sequence[Json] = (),
    **settings: Unpack[Settings],
) -> Json:
    """Bars for the values beside a text column `by`."""
    options = {
        "orientation": "horizontal",
        "xField": by,
        "stacking": "normal" if stacked else "none",
        "showValue": "auto",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": stacked, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return _panel("barchart", title, description, source, measure, options, overrides=overrides, **settings)


def histogram(title: str, description: str, source: Source, measure: Measure, **settings: Unpack[Settings]) -> Json:
    """How values are distributed."""
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}
    options = {"combine": False, "bucketOffset": 0, "legend": legend}
    return _panel("histogram", title, description, source, measure, options, **settings)


def heatmap(title: str, description: str, source: Json, **settings: Unpack[Settings]) -> Json:
    """Buckets of a Prometheus histogram over time."""
    options = {
        "calculate": False,
        "yAxis": {"unit": COUNT.unit, "axisPlacement": "left"},
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
        "cellGap": 1,
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    }
    return _panel("heatmap", title, description, source | {"format": "heatmap"}, COUNT, options, **settings)


def traces(title: str, description: str, source: Source, **settings: Unpack[Settings]) -> Json:
    """A trace. Its JSON columns come as text: the only form that all drivers give alike."""
    conversions = [{"targetField": field, "destinationType": "other"} for field in ("tags", "serviceTags", "logs")]
    transformation = {"id": "convertFieldType", "options": {"fields": {}, "conversions": conversions}}
    return _panel("traces", title, description, source, Measure("ms"), {}, transformations=[transformation], **settings)


def node_graph(title: str, description: str, *, nodes: str, edges: str, **settings: Unpack[Settings]) -> Json:
    """A graph from two statements."""
    source = [sql(nodes, ref="nodes"), sql(edges, ref="edges")]
    options = {"nodes": {"mainStatUnit": "short"}, "edges": {"mainStatUnit": "short"}}
    return _panel("nodeGraph", title, description, source, COUNT, options, **settings)


def alert_list(title: str, description: str) -> Json:
    """What fires now, of all alerting data sources."""
    states = {"firing": True, "pending": True, "error": True, "noData": False, "normal": False}
    options = {
        "viewMode": "list", "groupMode": "default", "groupBy": [], "maxItems": 20, "sortOrder": 3,
        "dashboardAlerts": False, "alertName": "", "alertInstanceLabelFilter": "", "stateFilter": states,
    }  # fmt: skip
    return {"type": "alertlist", "title": title, "description": description, "options": options}


def _number(fields: str = "") -> Json:
    return {
        "reduceOptions": {"calcs": ["last"], "fields": fields, "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }


def _panel(
    kind: str,
    title: str,
    description: str,
    source: Source,
    measure: Measure,
    options: Json,
    *,
    overrides: Sequence[Json] = (),
    custom: Json | None = None,
    words: Mapping[str, str] | None = None,
    transformations: Sequence[Json] = (),
    **settings: Unpack[Settings],
) -> Json:
    """What all kinds with data have."""
    source = sql(source) if isinstance(source, str) else source
    targets = source if isinstance(source, list) else [source]
    defaults = _defaults(kind, measure, custom or {}, settings) | ({"mappings": mappings(words)} if words else {})
    return {
        "type": kind,
        "title": title,
        "description": description,
        "gridPos": {},
        "datasource": targets[0]["datasource"],
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "links": [settings["link"]] if "link" in settings else [],
        "transformations": list(transformations),
        "pluginVersion": _PLUGIN_VERSION,
        **({"timeFrom": settings["time_from"]} if "time_from" in settings else {}),
    }


def _defaults(kind: str, measure: Measure, custom: Json, settings: Settings) -> Json:
    defaults: Json = {
        "unit": measure.unit,
        "noValue": settings.get("empty", "Nothing in this time range"),
        "thresholds": measure.thresholds(),
        "custom": custom,
        "color": {"mode": "thresholds" if kind in {"stat", "table"} else "palette-classic"},
    }
    if measure.unit == "percentunit":
        defaults["min"] = 0
    if "decimals" in settings:
        defaults["decimals"] = settings["decimals"]
    if "data_link" in settings:
        defaults["links"] = [settings["data_link"]]
    return defaults
