"""Recorded conversations pushed through the slots of an upload, piece by piece: tokens get in, and are counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agenttrace import forms
from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server.ingest import registry as ingest_registry
from agenttrace_server.store import registry
from fix_server import Services
from items import failure, new_id, step, upload

RECORDED = Path(__file__).parents[2].parent / "shared/data/tau-bench/gpt-4o-airline.json"
needs_recorded = pytest.mark.skipif(
    not RECORDED.exists(), reason="the recorded runs (shared/data/tau-bench) are not here"
)
# The contract's charset, written down here once more: what it is compared with must not come from the product.
TOKEN = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}", re.ASCII)

Piece = Callable[[str], dict[str, Any]]


def as_name(piece: str) -> dict[str, Any]:
    return {"steps": [step(new_id(), name=piece)]}


def as_value(piece: str) -> dict[str, Any]:
    made = step(new_id())
    made.attributes["region"].string_value = piece
    return {"steps": [made]}


def as_key(piece: str) -> dict[str, Any]:
    made = step(new_id())
    made.attributes[piece].int_value = 1
    return {"steps": [made]}


def as_code(piece: str) -> dict[str, Any]:
    return {"failures": [failure(new_id(), code=piece)]}


SLOTS = (as_name, as_value, as_key, as_code)


def texts() -> Iterator[str]:
    """Every text of the conversations: what was said, what tools were given, what they answered."""
    for run in json.loads(RECORDED.read_text()):
        for message in run["traj"]:
            yield message.get("content") or ""
            for call in message.get("tool_calls") or ():
                yield call["function"]["arguments"]


@pytest.fixture(scope="module")
def pieces() -> tuple[list[str], list[str]]:
    """The texts, their lines and their words: those that are no token, and those that are."""
    found = {piece for text in texts() for piece in (text, *text.splitlines(), *text.split())} - {""}
    tokens = {piece for piece in found if TOKEN.fullmatch(piece)}
    return sorted(found - tokens), sorted(tokens)


def batches(items: Iterable[dict[str, Any]]) -> Iterator[pb.UploadStepsRequest]:
    message, size = upload(), 0
    for item in items:
        made = upload(**item)
        if size + made.ByteSize() > 2**21 or len(message.steps) + len(message.failures) == 1000:
            yield message
            message, size = upload(), 0
        message.MergeFrom(made)
        size += made.ByteSize()
    yield message


def passed(services: Services, put: Piece, sent: list[str]) -> int:
    """How many of the pieces were taken."""
    refused, left = 0, list(batches(map(put, sent)))
    while left:
        answer = services.ingest.UploadSteps(iter(left))
        counts = answer.counts
        refused += counts.steps.rejected + counts.failures.rejected + counts.rejected_attribute_count
        left = left[answer.acknowledged_message_count :]
    return len(sent) - refused


@needs_recorded
def test_no_piece_with_a_space_or_a_sign_gets_in_and_those_that_are_tokens_are_counted(
    services: Services, connection: psycopg.Connection, pieces: tuple[list[str], list[str]], caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    texts, tokens = pieces
    assert len(texts) > 5_000

    got_in = {put.__name__: passed(services, put, texts) for put in SLOTS}
    stored = connection.execute("SELECT DISTINCT name, attributes::text FROM agent_steps").fetchall()
    as_tokens = {put.__name__: passed(services, put, tokens) for put in SLOTS}

    print(f"of {len(texts)} pieces that are no token, {got_in} got in; of {len(tokens)} single tokens, {as_tokens}")
    assert set(got_in.values()) == {0}
    assert stored == [("lookup", "{}")]
    log = caplog.text
    assert [text for text in texts if len(text) > 12 and text in log] == []
    # Nor has the SDK let them go: what it refuses is neither on the wire nor spooled.
    assert [text for text in texts if forms.is_token(text) or forms.is_attribute("region", text)] == []


@needs_recorded
def test_registry_mode_accepts_none_of_the_single_tokens(
    services: Services,
    database_url: str,
    connection: psycopg.Connection,
    pieces: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingest_registry, "REFRESH_SECONDS", 0.0)
    registry.set_mode(database_url, "default", is_enabled=True)
    registry.add(database_url, "default", "step", ["lookup"])
    registry.add(database_url, "default", "attribute", ["region"])
    catalogue = {code for (code,) in connection.execute("SELECT code FROM failure_codes")}
    tokens = [token for token in pieces[1] if token not in {"lookup", "region", *catalogue}]
    assert len(tokens) > 2_500

    got_in = {put.__name__: passed(services, put, tokens) for put in SLOTS}

    print(f"of {len(tokens)} single tokens in registry mode, {got_in} got in")
    assert set(got_in.values()) == {0}


# Attributes of OpenTelemetry's GenAI conventions that hold numbers or identifiers, with values as agents send them.
GEN_AI: dict[str, Any] = {
    "gen_ai.system": "openai", "gen_ai.provider.name": "aws.bedrock", "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "claude-sonnet-4-5@20250929", "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx12",
    "gen_ai.conversation.id": "conv_5j66UpCpwteGg4YSxUnt7lPY",
    "gen_ai.agent.id": "asst_5j66UpCpwteGg4YSxUnt7lPY", "gen_ai.agent.name": "support",
    "gen_ai.tool.name": "get_user_details",
    "gen_ai.tool.call.id": "call_Ao02pnFYXD6GN1yzc0uXPsvF", "gen_ai.tool.type": "function",
    "gen_ai.output.type": "json", "gen_ai.token.type": "input", "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 96, "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 1024,
    "gen_ai.request.top_p": 1.0, "gen_ai.request.seed": 4711, "gen_ai.request.choice.count": 1,
    "gen_ai.data_source.id": "H7STPQYOND", "gen_ai.prompt.name": "greeting", "server.address": "api.openai.com",
    "server.port": 443, "error.type": "java.net.UnknownHostException", "http.response.status_code": 429,
    "service.version": "1.4.0+build.7", "deployment.environment.name": "eu-central-1", "vcs.ref.head.revision.sha":
    "da39a3ee5e6b4b0d3255bfef95601890afd80709", "container.image.digest": "sha256:9f86d081884c7d659a2feaa0c55ad015",
}  # fmt: skip
NAMES = [
    "book_reservation", "calculate", "cancel_reservation", "get_reservation_details", "get_user_details",
    "list_all_airports", "search_direct_flight", "search_onestop_flight", "send_certificate", "think",
    "transfer_to_human_agents", "update_reservation_baggages", "update_reservation_flights",
    "update_reservation_passengers", "gpt-4o", "gpt-4o-2024-08-06", "o3-mini", "claude-sonnet-4-5@20250929",
    "anthropic.claude-3-5-sonnet-20241022-v2:0", "us.anthropic.claude-sonnet-4-20250514-v1:0", "gemini-2.5-pro",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo", "accounts/fireworks/models/deepseek-r1", "mistral-large@2407",
    "Qwen/Qwen2.5-72B-Instruct-AWQ", "text-embedding-3-large", "ft:gpt-4o-mini-2024-07-18:acme::AbC12345",
    "1.4.0", "v2.11.3-rc.1", "2025.11.22", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "risk-score", "task-42",
    "httpx.ReadTimeout", "1763836800000", "1763836800000000", "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_models_and_versions_of_real_agents_are_no_false_alarm(services: Services, name: str) -> None:
    made = step(new_id(), name=name, model={"request_model": name, "response_model": name}, tool={"name": name})

    assert list(services.ingest.RecordBatch(pb.RecordBatchRequest(steps=[made])).rejections) == []
    assert forms.is_token(name)


def test_the_attributes_of_opentelemetry_that_count_and_identify_are_no_false_alarm(services: Services) -> None:
    told = list(GEN_AI.items())
    made = [step(new_id()) for _ in range(2)]
    for place, (key, value) in enumerate(told):
        kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(made[place % 2].attributes[key], kind, value)

    response = services.ingest.RecordBatch(pb.RecordBatchRequest(steps=made))

    assert list(response.rejections) == []
    assert [pair for pair in told if not forms.is_attribute(*pair)] == []
