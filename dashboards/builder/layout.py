"""Puts panels into a dashboard: ids, places, and what every dashboard has."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.builder.fields import Json

_WIDTH = 24


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Json],
    panels: Sequence[Json],
    *,
    since: str = "now-24h",
    refresh: str = "1m",
    links: Sequence[Json] = (),
    annotations: Sequence[Json] = (),
) -> Json:
    """A complete dashboard; the panels flow from left to right."""
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
        "links": [_navigation(), *links],
        "templating": {"list": list(variables)},
        "panels": _numbered(_placed(panels)),
    }


def _navigation() -> Json:
    return {
        "type": "dashboards", "tags": ["agenttrace"], "title": "Agents", "asDropdown": True, "includeVars": True,
        "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
    }  # fmt: skip


def _placed(panels: Sequence[Json], top: int = 0) -> list[Json]:
    """From left to right; a panel that does not fit begins a new line below the highest of this one."""
    placed: list[Json] = []
    left, height = 0, 0
    for panel in panels:
        width = panel["gridPos"]["w"]
        if left + width > _WIDTH:
            left, top, height = 0, top + height, 0
        place = {"x": left, "y": top, **panel["gridPos"]}
        inside = {"panels": _placed(panel["panels"], top + 1)} if panel.get("panels") else {}
        placed.append(panel | inside | {"gridPos": place})
        left, height = left + width, max(height, panel["gridPos"]["h"])
    return placed


def _numbered(panels: Sequence[Json]) -> list[Json]:
    numbered: list[Json] = []
    number = 1
    for panel in panels:
        inside = [kept | {"id": number + 1 + place} for place, kept in enumerate(panel.get("panels", []))]
        numbered.append({"id": number, **panel} | ({"panels": inside} if "panels" in panel else {}))
        number += 1 + len(inside)
    return numbered
