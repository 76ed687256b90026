"""Puts panels into a dashboard: ids, places, and what every dashboard has."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from dashboards.builder.fields import Json

_WIDTH = 24
# Panels side by side.
Line = list[Json]


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Json],
    lines: Iterable[Line],
    *,
    since: str = "now-24h",
    refresh: str = "1m",
    annotations: Sequence[Json] = (),
) -> Json:
    """A complete dashboard, line below line."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["agenttrace"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": refresh,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "liveNow": False,
        "annotations": {"list": list(annotations)},
        "links": [_navigation()],
        "templating": {"list": list(variables)},
        "panels": _numbered(_placed(lines)),
    }


def line(height: int, *panels: Json, widths: Sequence[int] = ()) -> Line:
    """Panels side by side, over the whole width; equally wide where no widths are given."""
    widths = widths or [_WIDTH // len(panels)] * len(panels)
    assert sum(widths) == _WIDTH, [panel["title"] for panel in panels]
    sizes = [{"x": sum(widths[:place]), "y": 0, "w": width, "h": height} for place, width in enumerate(widths)]
    return [panel | {"gridPos": size} for panel, size in zip(panels, sizes, strict=True)]


def heading(title: str, *folded: Line) -> Line:
    """A heading; with lines it is folded, and they are below it."""
    return line(1, {"type": "row", "title": title, "collapsed": bool(folded), "panels": folded})


def _navigation() -> Json:
    return {
        "type": "dashboards", "tags": ["agenttrace"], "title": "Agents", "asDropdown": True, "includeVars": True,
        "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip


def _placed(lines: Iterable[Line], top: int = 0) -> list[Json]:
    placed: list[Json] = []
    for panels in lines:
        for panel in panels:
            inside = {"panels": _placed(panel["panels"], top + 1)} if "panels" in panel else {}
            placed.append(panel | inside | {"gridPos": panel["gridPos"] | {"y": top}})
        top += panels[0]["gridPos"]["h"]
    return placed


def _numbered(panels: Iterable[Json]) -> list[Json]:
    numbers = itertools.count(1)
    numbered: list[Json] = []
    for panel in panels:
        number = next(numbers)
        inside = [kept | {"id": next(numbers)} for kept in panel.get("panels", [])]
        numbered.append({"id": number, **panel} | ({"panels": inside} if "panels" in panel else {}))
    return numbered
