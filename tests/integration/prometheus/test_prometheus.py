"""What the rules and dashboards ask has answers, the same as elsewhere; and whoever should know of an alert does."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

import dashboard_files
from integration.prometheus.observing import NOTHING_LISTENS, Observed, until
from prometheus_files import rules, selectors, without_conditions

# Said of what is not there.
SAYS_NOTHING_WHILE_ALL_IS_WELL = {"AgentTraceMetricsAbsent"}
FAILED = 'agenttrace_runs_finished_total{status=~"FAILURE|ABANDONED", agent="%s"}'
FINISHED = 'agenttrace_runs_finished_total{status!="CANCELLED", agent="%s"}'


def without_data(observed: Observed, expressions: dict[str, str]) -> list[str]:
    """The names of the expressions that have no data, some time being given to those that need two scrapes more."""
    left = dict(expressions)

    def all_have_data() -> bool:
        for name, expr in list(left.items()):
            if observed.prometheus.query(expr):
                del left[name]
        return not left

    try:
        until(all_have_data, "data", seconds=30)
    except AssertionError:
        return sorted(left)
    return []


def test_every_rule_is_evaluated_without_an_error(observed: Observed) -> None:
    def health() -> set[str]:
        return {rule["health"] for rule in observed.prometheus.rules()}

    until(lambda: health() == {"ok"}, "every rule is healthy")

    assert len(observed.prometheus.rules()) == len(rules())


def test_every_series_that_is_read_exists(observed: Observed) -> None:
    read = {selector.name for rule in rules() for selector in selectors(rule.expr)}
    read |= {selector.name for panel in dashboard_files.expressions() for selector in selectors(panel.expr)}

    until(lambda: read <= observed.prometheus.names(), f"{read - observed.prometheus.names()} exist", seconds=30)


def test_every_rule_has_data_under_load(observed: Observed) -> None:
    asked = {
        f"{rule.name} {rule.severity}": without_conditions(rule.expr)
        for rule in rules()
        if rule.name not in SAYS_NOTHING_WHILE_ALL_IS_WELL
    }

    assert without_data(observed, asked) == []


def test_every_panel_that_promises_data_has_it_under_load(observed: Observed) -> None:
    asked = {
        f"{panel.uid} {panel.title}: {panel.expr}": panel.expr
        for panel in dashboard_files.expressions()
        if panel.must_have_data
    }

    assert asked
    assert without_data(observed, asked) == []


def test_every_other_panel_is_understood(observed: Observed) -> None:
    for panel in dashboard_files.expressions():
        observed.prometheus.query(panel.expr)


def failure_rate_of_stats(observed: Observed) -> tuple[int, float]:
    """Runs and failure rate by GetStats."""
    done = observed.product.run("-m", "agenttrace", "stats", "--agent", observed.agent, "--since", "48h", "--json")
    assert done.returncode == 0, done.stderr
    totals: dict[str, Any] = json.loads(done.stdout)["totals"]
    return int(totals["run_count"]), float(totals["failure_rate"])


def test_the_failure_rate_is_that_of_getstats(observed: Observed) -> None:
    runs, rate = failure_rate_of_stats(observed)
    ended = sum_of(FINISHED % observed.agent)
    # The one that introduced the agent has not ended.
    until(lambda: observed.prometheus.value(ended) == runs - 1, "all runs are counted", seconds=30)

    counted = observed.prometheus.value(f"{sum_of(FAILED % observed.agent)} / {ended}")
    recorded = f'max_over_time(agent:agenttrace_runs_failed:ratio_rate1h{{agent="{observed.agent}"}}[5s])'
    until(
        lambda: observed.prometheus.value(recorded) == pytest.approx(rate), f"the recorded rate is {rate}", seconds=30
    )

    assert 0 < rate < 1
    assert counted == pytest.approx(rate)


def sum_of(selector: str) -> str:
    return f"sum({selector})"


def test_an_agent_that_begins_to_fail_is_told_to_its_team(observed: Observed) -> None:
    what = {"alertname": "AgentRunFailureRateHigh", "agent": observed.load.TURNING}
    rate = f'agent:agenttrace_runs_failed:ratio_rate15m{{agent="{observed.load.TURNING}"}}'
    until(lambda: observed.prometheus.value(rate) == 0, "the agent runs without failures")
    assert observed.webhook.told("team", **what) == []

    observed.load.turned.set()
    until(lambda: observed.webhook.told("team", **what), "the team is told")

    alert = observed.webhook.told("team", **what)[0]
    assert alert["status"] == "firing"
    assert alert["labels"]["severity"] == "warning"
    assert re.fullmatch(r"Agent turning fails \d+(\.\d+)?% of its runs", alert["annotations"]["summary"])
    assert alert["annotations"]["dashboard"].endswith("&var-agent=turning")


def test_a_process_that_is_not_there_is_told_to_who_is_on_call(observed: Observed) -> None:
    what = {"alertname": "AgentTraceTargetDown", "instance": NOTHING_LISTENS}

    until(lambda: observed.webhook.told("on-call", **what), "who is on call is told")


def test_the_watchdog_is_heard(observed: Observed) -> None:
    until(lambda: observed.webhook.told("dead-man", alertname="Watchdog"), "the watchdog is heard")


def test_no_alert_of_the_platform_fires_on_services_that_do_their_work(observed: Observed) -> None:
    def firing() -> set[str]:
        # What a busy machine kept from being scraped for seconds, which are minutes here, is over when it is.
        found = observed.prometheus.query('ALERTS{alertstate="firing", alertname=~"AgentTrace.+"}')
        return {alert["metric"]["alertname"] for alert in found}

    expected = {"AgentTraceTargetDown", "AgentTraceIngestLagHigh"}
    until(lambda: "AgentTraceTargetDown" in firing() <= expected, f"only {expected} fire")


@pytest.mark.parametrize(
    ("cause", "effect", "silenced"),
    [
        (
            {"alertname": "AgentRunFailureRateCritical", "severity": "critical", "project": "p", "agent": "a"},
            {"alertname": "AgentRunFailureRateHigh", "severity": "warning", "project": "p", "agent": "a"},
            True,
        ),
        (
            {"alertname": "AgentRunFailureRateCritical", "severity": "critical", "project": "p", "agent": "b"},
            {"alertname": "AgentRunFailureRateHigh", "severity": "warning", "project": "p", "agent": "c"},
            False,
        ),
        (
            {"alertname": "AgentTraceTargetDown", "severity": "critical", "instance": "d:1"},
            {"alertname": "AgentTraceIngestQueueSaturated", "severity": "critical", "instance": "d:1"},
            True,
        ),
        (
            {"alertname": "AgentTraceFlushFailing", "severity": "critical", "instance": "e:1"},
            {"alertname": "AgentTraceDbPoolStarved", "severity": "warning", "instance": "f:1"},
            False,
        ),
    ],
    ids=["the same agent", "another agent", "a process that is down", "another process"],
)
def test_an_alert_silences(
    observed: Observed, cause: dict[str, str], effect: dict[str, str], *, silenced: bool
) -> None:
    url = f"{observed.alertmanager_url}/api/v2/alerts"
    body = json.dumps([{"labels": labels} for labels in (cause, effect)]).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()

    def states() -> dict[str, str]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = {
                json.dumps(alert["labels"], sort_keys=True): alert["status"]["state"] for alert in json.load(answer)
            }
        return {key: found.get(json.dumps(labels, sort_keys=True), "") for key, labels in ends.items()}

    ends = {"cause": cause, "effect": effect}
    expected = {"cause": "active", "effect": "suppressed" if silenced else "active"}
    until(lambda: states() == expected, f"{expected}")
