"""That the files for Grafana's provisioning and the dashboards speak of the same things."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dashboard_files import ROOT, boards, variables

PROVISIONING = ROOT / "dashboards/grafana/provisioning"


def provisioned(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROVISIONING / path).read_text())
    return loaded


def sources() -> dict[str, dict[str, Any]]:
    return {source["uid"]: source for source in provisioned("datasources/agenttrace.yml")["datasources"]}


def test_the_dashboards_begin_with_the_data_sources_that_are_provisioned() -> None:
    for board in boards().values():
        for variable in variables(board).values():
            if variable["type"] == "datasource":
                source = sources()[variable["current"]["value"]]
                assert (variable["current"]["text"], variable["query"]) == (source["name"], source["type"])


def test_the_database_is_read_as_the_role_that_may_only_read() -> None:
    source = sources()["agenttrace-postgres"]

    assert source["user"] == "agenttrace_grafana"
    # Outside of jsonData, newer versions say that there is no default database.
    assert source["jsonData"]["database"] == "agenttrace"
    assert source["secureJsonData"] == {"password": "$__env{AGENTTRACE_PG_PASSWORD}"}


def test_an_exemplar_leads_to_its_run() -> None:
    (destination,) = sources()["agenttrace-prometheus"]["jsonData"]["exemplarTraceIdDestinations"]

    found = re.fullmatch(r"/d/([\w-]+)\?var-(\w+)=\$\$\{__value\.raw\}", destination["url"])

    assert found
    assert found[2] in variables(boards()[found[1]])
    assert sources()["agenttrace-prometheus"]["jsonData"]["alertmanagerUid"] in sources()


def test_the_provider_reads_where_the_readme_mounts_the_dashboards() -> None:
    (provider,) = provisioned("dashboards/agenttrace.yml")["providers"]
    readme = (ROOT / "dashboards/README.md").read_text()

    assert provider["folderUid"] == "agenttrace"
    assert f"dashboards/grafana/dashboards:{provider['options']['path']}:ro" in readme
    assert f"{provider['options']['path']}/agenttrace-overview.json" in readme
