"""The committed rules of Prometheus, and what can be read from them without a Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "dashboards/prometheus"
RUNBOOK = ROOT / "dashboards/runbook.md"
_SHORTER = {"m": lambda count: f"{count}s", "h": lambda count: f"{count}m", "d": lambda count: f"{24 * count}m"}
_COMPARISON = re.compile(r"\s(>=|<=|==|!=|>|<)\s")
_OFFSET = re.compile(r" offset \w+")


class Rule(NamedTuple):
    """A rule: an alert, or a series that is recorded."""

    group: str
    kind: str
    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the files."""
    return tuple(
        Rule(group["name"], kind, rule[kind], rule["expr"], rule.get("labels", {}), rule.get("annotations", {}))
        for file in sorted((FOLDER / "rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        for kind in ("alert", "record")
        if kind in rule
    )


def alerts() -> list[Rule]:
    return [rule for rule in rules() if rule.kind == "alert"]


def unit_tests() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every test of the alerts, with its file."""
    for file in sorted((FOLDER / "tests").glob("*.test.yml")):
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield file, test


def selectors(expr: str) -> list[promql_parser.VectorSelector]:
    """What an expression reads."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


def without_conditions(expr: str) -> str:
    """An expression that has data though nothing is wrong, and from a Prometheus that has just started.

    Comparisons say 0 or 1 instead of leaving out what they do not hold for; nothing is looked up in the past.
    """
    return _OFFSET.sub("", _COMPARISON.sub(r" \1 bool ", expr))


def shortened(text: str) -> str:
    """Rules or a configuration whose minutes are seconds, and whose hours are minutes: for a test that waits."""

    def shorter(found: re.Match[str]) -> str:
        return found[1] + _SHORTER[found[3]](int(found[2])) + found[4]

    text = re.sub(r"(\[)(\d+)([mhd])(\])", shorter, text)
    text = re.sub(r"( offset )(\d+)([mhd])(\b)", shorter, text)
    text = re.sub(r"(\b(?:for|keep_firing_for|interval): )(\d+)([mhd])(\b)", shorter, text)
    return re.sub(r"(\b(?:scrape_interval|scrape_timeout|evaluation_interval): )\d+s", r"\g<1>1s", text)
