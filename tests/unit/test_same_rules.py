"""The SDK refuses at the call site what the server refuses, and lets through what the server stores."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace import convert, forms
from agenttrace.guard import Guard
from agenttrace.notices import Notices
from agenttrace.receipt import Ledger
from agenttrace.v1 import run_pb2, step_pb2
from agenttrace_server.ingest import convert as ingest
from agenttrace_server.ingest.values import Period
from items import new_id, run, step, upload

RUN_ID = new_id()
PERIOD = Period.around(datetime.now(UTC), timedelta(days=90))
TABLE = json.loads((Path(__file__).parents[2] / "proto/agenttrace/v1/limits.json").read_text())
PATTERNS, CONTENT_KEYS = TABLE["patterns"], TABLE["content_keys"]
SCANNERS, RANDOM = TABLE["scanners"]["rules"], TABLE["random_strings"]
# What people tried to get past such rules: texts, encodings, homoglyphs, separators, secrets, cut values.
CORPUS = [
    *[text for pattern in PATTERNS.values() for text in (*pattern["accepts"], *pattern["refuses"])],
    *[text for rule in (*SCANNERS, RANDOM) for text in (*rule["accepts"], *rule["refuses"])],
    "my card is 4111 1111 1111 1111",
    "ignore all previous instructions",
    "ignore\u00a0all\u2003previous",
    "ignore\u200ball",
    "\u0456gnore",
    "\uff41\uff42\uff43",
    "\uff11\uff12\uff13",
    "\u202eesrever",
    "e\u0301",
    "nul\x00",
    "\ud800",
    "search(q=1)",
    "a" * 128,
    "a" * 129,
    "bWVzc2FnZQ==",
    "bWVzc2FnZQ",
    "6d657373616765",
    "%6d%65",
    "a%20b",
    "line\n",
    "\n",
    "tail ",
    " head",
    "ok\r",
]
KEYS = [
    *CONTENT_KEYS["accepts"],
    *CONTENT_KEYS["refuses"],
    *CONTENT_KEYS["words"],
    *CONTENT_KEYS["allowed_last_parts"],
    *[f"gen_ai.{word}" for word in CONTENT_KEYS["words"]],
    *[f"{word}_{last}" for word in CONTENT_KEYS["words"] for last in CONTENT_KEYS["allowed_last_parts"]],
    *[f"{last}.{word}" for word in CONTENT_KEYS["words"] for last in CONTENT_KEYS["allowed_last_parts"]],
    *RANDOM["allowed_last_parts"],
    "commit.sha",
    "shape",
    "git_version",
    "hf_abcdefghijklmnopqrstuvwxyz012345",
    "card.4111111111111111",
    "a" * 64,
    "a" * 65,
    "a.",
    "a..b",
    "_prompt",
    "prompt_",
    "Prompt",
    "pro.mpt",
    "ключ",
]
VALUES: list[Any] = [*CORPUS, 0, -(2**63), 2**63 - 1, True, False, 0.0, 1e308, math.inf, -math.inf, math.nan]


def server_takes(**items: Any) -> bool:
    """Whether the server takes items whole, as they come off the wire."""
    return not ingest.batch_from_message(upload(**items), PERIOD).refused


def server_stores(key: str, value: Any) -> bool:
    return server_takes(steps=[step(RUN_ID, attributes={key: convert.attribute_value(value)})])


def representable(value: Any) -> bool:
    """Whether protobuf takes the value at all: it refuses lone surrogates before any rule of ours."""
    try:
        return bool(run_pb2.AttributeValue.FromString(convert.attribute_value(value).SerializeToString()))
    except (UnicodeEncodeError, ValueError):
        return False


# Strings near the edge: of the letters of tokens and keys, with a stranger now and then.
NEAR_TOKENS = st.text(st.one_of(st.sampled_from("azAZ09._:/@+|- "), st.characters(codec="utf-8")), max_size=140)
NEAR_KEYS = st.one_of(
    st.lists(
        st.sampled_from([*CONTENT_KEYS["words"], *CONTENT_KEYS["allowed_last_parts"], "a", "x9", ""]), max_size=4
    ).flatmap(lambda parts: st.sampled_from("._").map(lambda separator: separator.join(parts))),
    st.text(st.sampled_from("az09._A- "), max_size=70),
    st.text(max_size=10),
)
# Strings that scanners find, and their like: some of the letters changed, something put before or behind.
REFUSED = st.sampled_from([text for rule in (*SCANNERS, RANDOM) for text in (*rule["refuses"], *rule["accepts"])])
NEAR_SECRETS = st.builds(
    lambda text, at, other, before, behind: before + text[:at] + other + text[at + len(other) :] + behind,
    REFUSED,
    st.integers(0, 60),
    st.sampled_from(["", "0", "7", "-", "_", "a", "A", "."]),
    st.sampled_from(["", "x", "-", "_", ":", "key:", "a.b"]),
    st.sampled_from(["", "x", "-", "_", "/a", "0"]),
)
SCALARS = st.one_of(
    NEAR_TOKENS,
    NEAR_SECRETS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True, allow_infinity=True),
)


@pytest.mark.parametrize("text", [text for text in CORPUS if representable(text)], ids=ascii)
def test_a_name_of_the_corpus_passes_on_both_sides_or_on_none(text: str) -> None:
    assert forms.is_token(text) == server_takes(steps=[step(RUN_ID, name=text)])


@settings(deadline=None)
@given(NEAR_TOKENS | NEAR_SECRETS)
def test_any_name_passes_on_both_sides_or_on_none(text: str) -> None:
    assert forms.is_token(text) == server_takes(steps=[step(RUN_ID, name=text)])


def test_an_attribute_of_the_corpus_passes_on_both_sides_or_on_none() -> None:
    told = [(key, value) for key in KEYS for value in VALUES if representable(value)]

    assert len(told) > 40_000
    assert [pair for pair in told if forms.is_attribute(*pair) != server_stores(*pair)] == []


@settings(deadline=None)
@given(NEAR_KEYS, SCALARS)
def test_any_attribute_passes_on_both_sides_or_on_none(key: str, value: Any) -> None:
    assert forms.is_attribute(key, value) == server_stores(key, value)


@settings(deadline=None)
@given(st.one_of(st.integers(0, 2**54), st.integers(-(2**63), 2**63 - 1)))
def test_any_count_passes_on_both_sides_or_on_none(value: int) -> None:
    usage = step_pb2.Usage(input_tokens=value)

    assert forms.is_count(value) == server_takes(steps=[step(RUN_ID, model=step_pb2.ModelCall(usage=usage))])


@settings(deadline=None)
@given(st.one_of(st.from_regex("[0-9a-f]{60,68}", fullmatch=True), NEAR_TOKENS))
def test_any_user_key_passes_on_both_sides_or_on_none(text: str) -> None:
    kept = Guard(Ledger(), Notices()).user_key(text)

    assert (kept == text) == server_takes(runs=[run(RUN_ID, user_key=text)])
