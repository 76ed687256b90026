"""What panels, variables and annotations ask the data sources."""

from __future__ import annotations

from dashboards.builder.fields import Json

POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "${postgres_datasource}"}
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus_datasource}"}


def sql(statement: str, *, series: bool = False, ref: str = "A") -> Json:
    """A query of the PostgreSQL data source. `series`: the first column is the time."""
    return {"refId": ref, "datasource": POSTGRES, **_raw(statement, "time_series" if series else "table")}


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


def annotation(name: str, statement: str) -> Json:
    """Vertical lines in all panels over time, at the times that SQL finds."""
    return {
        "name": name,
        "datasource": POSTGRES,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": {"refId": "Anno", **_raw(statement, "table"), "datasource": POSTGRES},
    }


def _raw(statement: str, kind: str) -> Json:
    return {"rawSql": statement, "rawQuery": True, "format": kind, "editorMode": "code"}
