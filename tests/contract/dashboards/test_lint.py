"""The public lint rules for dashboards, all of them and without exclusions; and that each rule finds what it is for."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dashboard_lint
from dashboard_files import boards, expressions, panels
from tools import tool

SERVICE = "agenttrace-service"
UIDS = [
    "agenttrace-cost", "agenttrace-data", "agenttrace-failures", "agenttrace-overview", "agenttrace-run",
    "agenttrace-runs", "agenttrace-service",
]  # fmt: skip


def first(board: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["type"] == kind)


def variable(board: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in board["templating"]["list"] if found["name"] == name)


def with_expr(expr: str) -> Callable[[dict[str, Any]], None]:
    return lambda board: first(board, "timeseries")["targets"][0].update(expr=expr)


# How to break the rule on a dashboard that keeps it.
BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "template_datasource": lambda board: variable(board, "prometheus_datasource").update(name="ds"),
    "template_job": lambda board: variable(board, "job").update(allValue=".*"),
    "template_instance": lambda board: board["templating"]["list"].remove(variable(board, "instance")),
    "template_label_promql": lambda board: variable(board, "job").update(query="label_values(up{, job)"),
    "template_on_time_change_reload": lambda board: variable(board, "job").update(refresh=1),
    "panel_datasource": lambda board: first(board, "stat")["datasource"].update(uid="agenttrace-prometheus"),
    "panel_title_description": lambda board: first(board, "stat").update(description=""),
    "panel_units": lambda board: first(board, "heatmap")["fieldConfig"]["defaults"].update(unit="seconds"),
    "panel_no_targets": lambda board: first(board, "stat").update(targets=[]),
    "target_logql": lambda board: first(board, "stat")["targets"][0]["datasource"].update(type="loki"),
    "target_logql_auto": with_expr("rate(x{}[$__auto])"),
    "target_promql": with_expr("sum(x{}"),
    "target_rate_interval": with_expr('rate(x{job=~"$job"}[5m])'),
    "target_job": with_expr('x{instance=~"$instance"}'),
    "target_instance": with_expr('x{job=~"$job"}'),
    "target_counter_agg": with_expr("sum(x_total{})"),
    "uneditable_dashboard": lambda board: board.update(editable=True),
}


def test_there_are_seven_dashboards() -> None:
    assert list(boards()) == UIDS


def test_there_are_seventeen_rules() -> None:
    assert {rule.__name__ for rule in dashboard_lint.RULES} == set(BREAKS)
    assert len(BREAKS) == 17


@pytest.mark.parametrize("rule", dashboard_lint.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("uid", UIDS)
def test_the_rule_finds_nothing(uid: str, rule: dashboard_lint.Rule) -> None:
    assert list(rule(boards()[uid])) == []


@pytest.mark.parametrize("rule", dashboard_lint.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_it_is_for(rule: dashboard_lint.Rule) -> None:
    broken = copy.deepcopy(boards()[SERVICE])
    BREAKS[rule.__name__](broken)

    assert list(rule(broken)) != []


def test_prometheus_itself_parses_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expression.expr} for n, expression in enumerate(expressions())]
    assert len(rules) > 30
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML

    done = subprocess.run([tool("promtool", package="prometheus"), "check", "rules", file], capture_output=True,
                          text=True, check=False)  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
