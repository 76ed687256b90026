"""The table of limits and the code that is generated from it say the same, on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

import agenttrace.limits
import agenttrace_server.limits

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
