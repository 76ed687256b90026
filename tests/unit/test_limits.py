"""The table of limits and the code that is generated from it say the same, on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

import agenttrace.limits
import agenttrace.scanning
import agenttrace_server.limits
import agenttrace_server.scanning

TABLE = json.loads((Path(__file__).parents[2] / "proto/agenttrace/v1/limits.json").read_text())
SIDES = pytest.mark.parametrize("limits", [agenttrace.limits, agenttrace_server.limits], ids=["sdk", "server"])


@SIDES
@pytest.mark.parametrize("name", TABLE["patterns"])
def test_a_pattern_accepts_and_refuses_its_examples(limits: ModuleType, name: str) -> None:
    pattern = getattr(limits, name.upper())

    assert [text for text in TABLE["patterns"][name]["accepts"] if not pattern.fullmatch(text)] == []
    assert [text for text in TABLE["patterns"][name]["refuses"] if pattern.fullmatch(text)] == []


@SIDES
def test_content_keys_are_told_from_others(limits: ModuleType) -> None:
    keys = TABLE["content_keys"]

    assert [key for key in keys["accepts"] if limits.is_content_key(key)] == []
    assert [key for key in keys["refuses"] if not limits.is_content_key(key)] == []


def test_server_and_sdk_have_one_table() -> None:
    files = [Path(str(module.__file__)).read_text() for module in (agenttrace.limits, agenttrace_server.limits)]

    assert files[0] == files[1]


SCANNING = pytest.mark.parametrize("scanning", [agenttrace.scanning, agenttrace_server.scanning], ids=["sdk", "server"])
RULES = {rule["name"]: rule for rule in TABLE["scanners"]["rules"]}


@SCANNING
@pytest.mark.parametrize("name", RULES)
def test_a_scanner_finds_and_passes_its_examples(scanning: ModuleType, name: str) -> None:
    assert [text for text in RULES[name]["refuses"] if not scanning.is_sensitive(text)] == []
    assert [text for text in RULES[name]["accepts"] if scanning.is_sensitive(text)] == []


@pytest.mark.parametrize("name", RULES)
def test_the_examples_of_a_scanner_are_refused_by_it_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule one of them passes: no rule stands in the table for nothing."""
    scanning = agenttrace_server.scanning
    others = tuple(rule for rule in agenttrace_server.limits.SCANNERS if rule[0] != name)
    monkeypatch.setattr(agenttrace_server.limits, "SCANNERS", others)
    scanning._scanners.cache_clear()
    try:
        passed = [text for text in RULES[name]["refuses"] if not scanning.is_sensitive(text)]
    finally:
        scanning._scanners.cache_clear()

    assert passed


def test_every_example_of_a_scanner_is_a_token() -> None:
    """So that it is the scanner that refuses it."""
    token = agenttrace_server.limits.TOKEN

    assert [text for rule in RULES.values() for text in rule["refuses"] if not token.fullmatch(text)] == []


@SCANNING
def test_strings_that_look_random_are_told_from_others(scanning: ModuleType) -> None:
    table = TABLE["random_strings"]

    assert [text for text in table["refuses"] if not scanning.looks_random(text)] == []
    assert [text for text in table["accepts"] if scanning.looks_random(text)] == []


@SCANNING
@pytest.mark.parametrize(
    ("key", "opaque"), [("commit.sha", True), ("trace_id", True), ("shape", False), ("id", True), ("id.of", False)]
)
def test_a_key_whose_last_part_names_what_is_opaque_takes_it(scanning: ModuleType, key: str, opaque: bool) -> None:
    assert scanning.may_look_random(key) == opaque


def test_the_matching_of_server_and_sdk_is_one_text() -> None:
    server, sdk = (Path(str(m.__file__)).read_text() for m in (agenttrace_server.scanning, agenttrace.scanning))

    assert server.replace("from agenttrace_server import", "from agenttrace import") == sdk
