"""Our own rules for dashboards: what the public ones do not ask for."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboard_files import ROOT, boards, panels, statements, variables

UIDS = list(boards())
FREE_OF_DATA = {"alertlist"}
# What Grafana itself puts into links.
GRAFANA = {"__data", "__field", "__url_time_range", "__value"}
REFERENCE = re.compile(r"\$\{(\w+)(?:\.fields\.(\w+))?(?:[.:][\w.:]+)*\}")
ALERT_LINK = re.compile(r"^\s*dashboard: (\S.*)$", re.MULTILINE)


def test_the_committed_files_are_what_the_builder_writes() -> None:
    """Run `make dashboards` where they are not."""
    command = [sys.executable, "-m", "dashboards.builder", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("uid", UIDS)
def test_a_dashboard_can_be_provisioned_as_a_file(uid: str) -> None:
    board = boards()[uid]

    assert uid == board["uid"]
    assert len(uid) <= 40
    assert board["schemaVersion"] == 39
    assert "id" not in board
    assert "__inputs" not in board
    assert board["tags"] == ["agenttrace"]
    assert board["description"].endswith(".")


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_says_what_to_do_with_it(uid: str) -> None:
    for panel in panels(boards()[uid]):
        assert len(panel["description"]) >= 60, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        if panel["type"] not in FREE_OF_DATA:
            defaults = panel["fieldConfig"]["defaults"]
            assert len(defaults["noValue"]) >= 4, panel["title"]
            assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]


@pytest.mark.parametrize("uid", UIDS)
def test_ids_and_titles_are_unique(uid: str) -> None:
    board = boards()[uid]
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    ids = [panel["id"] for panel in [*panels(board), *rows]]
    titles = [panel["title"] for panel in panels(board)]

    assert len(ids) == len(set(ids))
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("uid", UIDS)
def test_no_panel_covers_another(uid: str) -> None:
    board = boards()[uid]
    groups = [board["panels"], *(panel["panels"] for panel in board["panels"] if panel.get("panels"))]
    for group in groups:
        for one, other in itertools.combinations([panel["gridPos"] for panel in group], 2):
            apart = (
                one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            )  # fmt: skip
            assert apart, (one, other)
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in group)


@pytest.mark.parametrize("uid", UIDS)
def test_nothing_names_a_data_source_or_mixes_them(uid: str) -> None:
    sources = {source["uid"] for source in data_sources(boards()[uid]["panels"])}

    assert sources <= {"${postgres_datasource}", "${prometheus_datasource}"}


@pytest.mark.parametrize("uid", UIDS)
def test_every_variable_of_a_query_exists_and_is_quoted(uid: str) -> None:
    known = set(variables(boards()[uid]))
    for title, _, target in statements(boards()[uid]):
        sql = target["rawSql"]
        assert "--" not in sql, f"{title}: old versions expand macros in comments"
        for name, form in re.findall(r"\$\{(\w+)(?::(\w+))?\}", sql):
            assert name in known, f"{title}: {name}"
            assert form == "sqlstring", f"{title}: {name}"
        assert re.findall(r"\$(?!__)\w+", re.sub(r"\$\{\w+:sqlstring\}", "", sql)) == [], title


@pytest.mark.parametrize("uid", UIDS)
def test_sql_reads_the_views_of_grafana_and_nothing_else(uid: str) -> None:
    for title, _, target in statements(boards()[uid]):
        sql = target["rawSql"]
        defined = set(re.findall(r"\b(\w+) AS (?:MATERIALIZED )?\(", sql))
        # IS DISTINCT FROM and extract(… FROM …) read no table.
        plain = re.sub(r"extract\(epoch FROM [^()]+", "", sql)
        for relation in re.findall(r"\b(?:FROM|JOIN) (?:LATERAL )?([a-z_]\w*(?:\.\w+)?)", plain):
            assert relation.startswith("grafana.") or relation in defined | {"unnest", "jsonb_each_text", "period"}, (
                f"{title}: {relation}"
            )


@pytest.mark.parametrize("uid", UIDS)
def test_every_list_of_a_variable_is_bounded(uid: str) -> None:
    for title, panel, target in statements(boards()[uid]):
        if panel is None and title.startswith("variable"):
            assert target["rawSql"].endswith("LIMIT 200"), title


@pytest.mark.parametrize("uid", UIDS)
def test_every_link_leads_to_a_dashboard_that_knows_its_variables(uid: str) -> None:
    board = boards()[uid]
    for title, url, panel in links(board):
        parts = urlsplit(url)
        target = boards()[parts.path.removeprefix("/d/")]
        for part in parts.query.split("&"):
            name, _, value = part.partition("=")
            if name.startswith("var-"):
                assert name.removeprefix("var-") in variables(target), f"{title}: {name}"
            for reference, field in REFERENCE.findall(value or name):
                assert reference in GRAFANA | set(variables(board)), f"{title}: {reference}"
                if reference not in GRAFANA and not value:
                    assert reference in variables(target), f"{title}: {reference}"
                if field and panel:
                    assert re.search(rf'\b"?{field}"?\b', panel["targets"][0]["rawSql"]), f"{title}: {field}"


def test_there_is_a_way_from_every_dashboard_of_agents_to_a_run() -> None:
    ways = {
        uid: {urlsplit(url).path.removeprefix("/d/") for _, url, _ in links(board)} for uid, board in boards().items()
    }
    for uid in set(UIDS) - {"agenttrace-service", "agenttrace-data"}:
        assert "agenttrace-run" in ways[uid], uid


def test_the_links_of_alerts_lead_to_dashboards_that_know_their_variables() -> None:
    found = [link for path in (ROOT / "dashboards/prometheus/rules").glob("*.yml")
             for link in ALERT_LINK.findall(path.read_text())]  # fmt: skip
    assert len(found) > 10
    for url in found:
        parts = urlsplit(url.strip("\"'"))
        target = boards()[parts.path.removeprefix("/d/")]
        names = {name.partition("=")[0] for name in re.sub(r"{{.*?}}", "x", parts.query).split("&") if name}
        assert names <= {f"var-{name}" for name in variables(target)} | {"from", "to"}, url


def data_sources(group: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Every data source that panels and their targets name."""
    for panel in group:
        if "datasource" in panel:
            yield panel["datasource"]
        yield from (target["datasource"] for target in panel.get("targets", []))
        yield from data_sources(panel.get("panels", []))


def links(board: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Title, address, and the panel where the link is of a field of its."""
    for panel in panels(board):
        for link in panel.get("links", []):
            yield link["title"], link["url"], None
        if "fieldConfig" not in panel:
            continue
        found = [*panel["fieldConfig"]["defaults"].get("links", [])]
        for override in panel["fieldConfig"]["overrides"]:
            found += [link for each in override["properties"] if each["id"] == "links" for link in each["value"]]
        yield from ((link["title"], link["url"], panel) for link in found)
