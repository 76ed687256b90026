"""Rules, alerts, their tests, the runbook and the configuration of the Alertmanager agree with each other."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

import dashboard_files
from agenttrace.cli import arguments
from prometheus_files import FOLDER, ROOT, RUNBOOK, Rule, alerts, rules, selectors, unit_tests
from tools import tool

ALERTMANAGER = ROOT / "dashboards/alertmanager"
METRICS = ROOT / "docs/metrics.md"
# Fires always, so that its absence is noticed.
ALWAYS_FIRING = "Watchdog"
# Every page has these; they are no variables.
TIME = {"from", "to"}
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
TEST_FILES = sorted((FOLDER / "tests").glob("*.test.yml"))


def run(name: str, package: str, *arguments: object) -> str:
    """Run a program of Debian to its end, which must be a good one; return what it said."""
    command = [tool(name, package=package), *map(str, arguments)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def promtool(*arguments: object) -> str:
    return run("promtool", "prometheus", *arguments)


def amtool(*arguments: object) -> str:
    return run("amtool", "prometheus-alertmanager", *arguments)


def test_the_configuration_is_accepted_without_a_warning() -> None:
    promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")


def test_the_rules_are_accepted_without_a_warning() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.name.removesuffix(".test.yml"))
def test_the_alerts_fire_and_resolve_as_their_tests_say(file: Path) -> None:
    promtool("test", "rules", file)


def outcomes() -> dict[tuple[str, str], set[str]]:
    """What is tested of each alert and severity: that it fires, that it does not, that it resolves."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    severities = defaultdict(set)
    for rule in alerts():
        severities[rule.name].add(rule.severity)
    for _, test in unit_tests():
        expected = {
            (check["alertname"], _seconds(check["eval_time"])): {
                alert["exp_labels"]["severity"] for alert in check.get("exp_alerts", [])
            }
            for check in test["alert_rule_test"]
        }
        for name in {name for name, _ in expected}:
            fired = [expected[key] for key in sorted(expected) if key[0] == name]
            for severity in severities[name]:
                found[name, severity] |= set(_said_of([severity in at for at in fired]))
    return found


def _said_of(fires: list[bool]) -> Iterator[str]:
    if not any(fires):
        yield "does not fire"
    if any(fires):
        yield "fires"
        if not all(fires[fires.index(True) :]):
            yield "resolves"


def _seconds(text: str) -> int:
    return sum(
        int(n) * {"d": 86400, "h": 3600, "m": 60, "s": 1}[unit] for n, unit in re.findall(r"(\d+)([dhms])", text)
    )


@pytest.mark.parametrize("alert", [rule for rule in alerts() if rule.name != ALWAYS_FIRING], ids=lambda rule: rule.name)
def test_an_alert_is_tested_to_fire_not_to_fire_and_to_resolve(alert: Rule) -> None:
    assert outcomes()[alert.name, alert.severity] == {"fires", "does not fire", "resolves"}


def test_the_watchdog_is_tested_to_fire_always() -> None:
    assert outcomes()[ALWAYS_FIRING, "none"] == {"fires"}


def test_the_name_of_a_test_begins_with_the_alert_it_is_about() -> None:
    found = [
        test["name"]
        for _, test in unit_tests()
        if {test["name"].split()[0]} != {check["alertname"] for check in test["alert_rule_test"]}
    ]

    assert found == []


def anchors() -> dict[str, str]:
    """The sections of the runbook on alerts, by the anchor that a renderer of Markdown gives their headings."""
    return {heading.lower(): heading for heading in re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("alert", alerts(), ids=lambda rule: f"{rule.name}-{rule.severity}")
def test_an_alert_says_what_is_wrong_what_to_do_and_where_to_look(alert: Rule) -> None:
    assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard"}
    assert alert.severity in {"critical", "warning", "info", "none"}
    page, anchor = alert.annotations["runbook_url"].split("#")
    assert (ROOT / page, anchors().get(anchor)) == (RUNBOOK, alert.name)


def test_every_section_of_the_runbook_is_about_an_alert() -> None:
    assert sorted(anchors().values()) == sorted({rule.name for rule in alerts()})


@pytest.mark.parametrize("heading", ["What it means", "First looks", "Likely causes", "What to do"])
def test_every_section_of_the_runbook_has(heading: str) -> None:
    sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]

    assert [section.split("\n")[0] for section in sections if f"**{heading}.**" not in section] == []


@pytest.mark.parametrize("alert", alerts(), ids=lambda rule: f"{rule.name}-{rule.severity}")
def test_the_dashboard_of_an_alert_has_the_variables_that_its_link_sets(alert: Rule) -> None:
    link = urlsplit(re.sub(r"\{\{.*?\}\}", "value", alert.annotations["dashboard"]))
    uid = link.path.removeprefix("/d/")

    variables = {f"var-{name}" for name in dashboard_files.variables(dashboard_files.boards()[uid])}

    assert set(parse_qs(link.query, strict_parsing=bool(link.query))) <= variables | TIME


def commands() -> list[str]:
    """The commands that the runbook gives."""
    blocks = re.findall(r"^```sh\n(.*?)^```", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    return sorted({line for block in blocks for line in block.splitlines()})


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_runbook_is_understood(command: str) -> None:
    program, *words = command.split()

    assert program == "agenttrace"
    assert arguments.parser().parse_args(words)


def test_the_panels_that_the_runbook_names_exist() -> None:
    """Names of panels, rows and dashboards are in italics, and so are the pages of Prometheus."""
    boards = dashboard_files.boards().values()
    titles = {panel["title"] for board in boards for panel in board["panels"]} | {
        title.rpartition(" / ")[2] for board in boards for title in [board["title"]]
    }
    named = set(re.findall(r"(?<![*\w])\*([A-Z][^*]+)\*(?!\*)", RUNBOOK.read_text().replace("\n", " ")))

    assert len(named) > 30
    assert {name for name in named if not name.startswith("Status, ")} - titles == {"Panels"}


def declared() -> set[str]:
    """Every series that our processes have, Prometheus makes of scrapes, or a rule records."""
    found = {"up", *(rule.name for rule in rules() if rule.kind == "record")}
    text = METRICS.read_text()
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE):
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found | set(re.findall(r"`((?:process|python)_\w+)`", text))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.name}-{rule.severity}")
def test_a_rule_reads_series_that_exist(rule: Rule) -> None:
    assert {selector.name for selector in selectors(rule.expr)} <= declared()


def test_panels_read_series_that_exist() -> None:
    found = [
        (panel.uid, panel.title, selector.name)
        for panel in dashboard_files.expressions()
        for selector in selectors(panel.expr)
        if selector.name not in declared()
    ]

    assert found == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.name}-{rule.severity}")
def test_a_counter_stands_within_a_rate_only(rule: Rule) -> None:
    bare = re.findall(r"(?<!rate\()(?<!increase\()\b[a-z_]+_(?:total|count|bucket)\b(?:\{[^}]*\})?(?!\[)", rule.expr)

    assert [name for name in bare if not name.startswith("sum")] == []


def test_the_configuration_of_the_alertmanager_is_accepted() -> None:
    amtool("check-config", ALERTMANAGER / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=AgentRunFailureRateCritical severity=critical agent=support", "on-call"),
        ("alertname=AgentRunFailureRateHigh severity=warning agent=support", "team"),
        ("alertname=AgentFailureTypeSpike severity=info agent=support", "digest"),
        ("alertname=Watchdog severity=none", "dead-man"),
        ("alertname=SomethingOfYours", "team"),
    ],
)
def test_an_alert_reaches(labels: str, receiver: str) -> None:
    told = amtool("config", "routes", "test", "--config.file", ALERTMANAGER / "alertmanager.yml", *labels.split())

    assert told.strip() == receiver


def test_every_alert_has_a_route_of_its_severity() -> None:
    """None falls to the receiver for what nobody thought of, except by intent: warnings."""
    expected = {"critical": "on-call", "warning": "team", "info": "digest", "none": "dead-man"}
    found = {
        rule.severity: amtool(
            *("config", "routes", "test", "--config.file", ALERTMANAGER / "alertmanager.yml"),
            *(f"alertname={rule.name}", f"severity={rule.severity}"),
        ).strip()
        for rule in {rule.severity: rule for rule in alerts()}.values()
    }

    assert found == expected


def test_inhibitions_name_alerts_that_exist() -> None:
    named: set[str] = set()
    for rule in yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            label, _, value = re.split(r"\s*(=~|!=|=)\s*", matcher)
            named |= set(value.split("|")) if label == "alertname" else set()

    assert named
    assert named <= {rule.name for rule in alerts()}


@pytest.fixture
def notification(tmp_path: Path) -> Path:
    """What the Alertmanager gives a template: two alerts of an agent."""

    def alert(name: str) -> dict[str, Any]:
        (rule,) = (rule for rule in alerts() if rule.name == name)
        rendered = {key: text.replace("{{ $labels.agent }}", "support") for key, text in rule.annotations.items()}
        return {"status": "firing", "labels": {"alertname": name, "agent": "support"}, "annotations": rendered}

    told = [alert("AgentRunFailureRateHigh"), alert("AgentRunsStalled")]
    labels = {"alertname": "AgentRunFailureRateHigh", "project": "default", "agent": "support"}
    file = tmp_path / "notification.json"
    file.write_text(json.dumps({"status": "firing", "groupLabels": labels, "alerts": told}))
    return file


def render(notification: Path, template: str) -> str:
    return amtool(
        *("template", "render", f"--template.glob={ALERTMANAGER}/templates/*.tmpl", f"--template.data={notification}"),
        f'--template.text={{{{ template "{template}" . }}}}',
    )


def test_a_notification_has_a_title(notification: Path) -> None:
    assert render(notification, "agenttrace.title").strip() == "[FIRING: 2] AgentRunFailureRateHigh support default"


def test_a_notification_has_links_that_can_be_followed(notification: Path) -> None:
    text = render(notification, "agenttrace.text")

    assert "look: http://localhost:3000/d/agenttrace-failures?var-project=" in text
    assert "do: http://localhost/agenttrace/dashboards/runbook.md#agentrunfailureratehigh" in text
    assert "do: http://localhost/agenttrace/dashboards/runbook.md#agentrunsstalled" in text
