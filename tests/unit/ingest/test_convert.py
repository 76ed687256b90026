"""What an upload's messages become, and what of them is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import run_pb2, step_pb2
from agenttrace_server import copy_binary
from agenttrace_server.ingest import convert
from agenttrace_server.ingest.values import Period
from agenttrace_server.records import STEP_COLUMNS
from items import FAILURE, RUNNING, SUCCESS, at, ended, failure, new_id, run, step, upload

PERIOD = Period.around(datetime.now(UTC), timedelta(days=90))
RUN_ID = new_id()
AGES_AGO = Timestamp(seconds=1_000_000_000)
TOMORROW_AND_MORE = Timestamp(seconds=int((datetime.now(UTC) + timedelta(hours=25)).timestamp()))


def refusals(**lists: Any) -> list[tuple[str, str]]:
    return [(r.reason, r.field) for r in convert.batch_from_message(upload(**lists), PERIOD).refused]


def columns(batch: convert.Batch) -> dict[str, bytes | None]:
    """The columns of a batch's first step, each as it is encoded."""
    body = batch.steps.rows[0].body
    found: dict[str, bytes | None] = {}
    for name in STEP_COLUMNS:
        length = int.from_bytes(body[:4], signed=True)
        found[name] = body[4 : 4 + length] if length >= 0 else None
        body = body[4 + max(length, 0) :]
    assert body == b""
    return found


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"run_id": ""}, "REQUIRED", "RUN_ID"),
        ({"run_id": RUN_ID.upper()}, "INVALID_UUID", "RUN_ID"),
        ({"agent_id": "two words"}, "INVALID_TOKEN", "AGENT_ID"),
        ({"agent_id": "nul\0"}, "INVALID_TOKEN", "AGENT_ID"),
        ({"agent_version": "v" * 129}, "TOO_LONG", "AGENT_VERSION"),
        ({"environment": "café"}, "INVALID_TOKEN", "ENVIRONMENT"),
        ({"status": 0}, "REQUIRED", "STATUS"),
        ({"status": 99}, "INVALID_ENUM", "STATUS"),
        ({"status": run_pb2.RUN_STATUS_ABANDONED}, "INVALID_ENUM", "STATUS"),
        ({"start_time": None}, "REQUIRED", "START_TIME"),
        ({"start_time": AGES_AGO}, "TOO_OLD", "START_TIME"),
        ({"start_time": TOMORROW_AND_MORE}, "IN_FUTURE", "START_TIME"),
        ({"start_time": Timestamp(seconds=253_402_300_800)}, "INVALID_TIME", "START_TIME"),
        ({"start_time": Timestamp(seconds=2**62)}, "INVALID_TIME", "START_TIME"),
        ({"start_time": Timestamp(seconds=at(0).seconds, nanos=2_000_000_000)}, "INVALID_TIME", "START_TIME"),
        ({"status": SUCCESS}, "REQUIRED", "END_TIME"),
        ({"end_time": at(1)}, "INCONSISTENT", "END_TIME"),
        ({"status": FAILURE, "end_time": at(-1)}, "END_BEFORE_START", "END_TIME"),
        ({"lease_duration": Duration(seconds=59)}, "OUT_OF_RANGE", "LEASE_DURATION"),
        ({"lease_duration": Duration(seconds=604_800, nanos=1)}, "OUT_OF_RANGE", "LEASE_DURATION"),
        ({"lease_duration": Duration(seconds=2**62)}, "OUT_OF_RANGE", "LEASE_DURATION"),
        ({"user_key": "user-42"}, "INVALID_TOKEN", "USER_KEY"),
        ({"parent_run_id": "x"}, "INVALID_UUID", "PARENT_RUN_ID"),
        ({"tags": ["ok", "not ok"]}, "INVALID_TOKEN", "TAGS"),
        ({"tags": [f"t{n}" for n in range(33)]}, "TOO_LONG", "TAGS"),
        ({"expected_step_count": -1}, "OUT_OF_RANGE", "EXPECTED_STEP_COUNT"),
        ({"expected_step_count": 10_001}, "OUT_OF_RANGE", "EXPECTED_STEP_COUNT"),
    ],
)
def test_a_wrong_field_rejects_its_run_alone(fields: dict[str, Any], reason: str, field: str) -> None:
    batch = convert.batch_from_message(upload(runs=[run(new_id()), run(**{"run_id": RUN_ID, **fields})]), PERIOD)

    assert list(batch.runs.indexes) == [0]
    assert [(r.item_index, r.reason, r.field) for r in batch.refused] == [(1, reason, field)]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"step_id": ""}, "REQUIRED", "STEP_ID"),
        ({"parent_step_id": "-"}, "INVALID_UUID", "PARENT_STEP_ID"),
        ({"sequence": -1}, "OUT_OF_RANGE", "SEQUENCE"),
        ({"type": 0}, "REQUIRED", "TYPE"),
        ({"type": 77}, "INVALID_ENUM", "TYPE"),
        ({"name": ""}, "REQUIRED", "NAME"),
        ({"name": "search(q=1)"}, "INVALID_TOKEN", "NAME"),
        ({"status": 0}, "REQUIRED", "STATUS"),
        ({"attempt": -1}, "OUT_OF_RANGE", "ATTEMPT"),
        ({"attempt": 2}, "REQUIRED", "RETRY_OF_STEP_ID"),
        ({"retry_of_step_id": new_id()}, "INCONSISTENT", "RETRY_OF_STEP_ID"),
        ({"end_time": None}, "REQUIRED", "END_TIME"),
        ({"end_time": at(0)}, "END_BEFORE_START", "END_TIME"),
        ({"model": {"usage": {"input_tokens": -1}}}, "OUT_OF_RANGE", "INPUT_TOKENS"),
        ({"model": {"usage": {"output_tokens": 2**53}}}, "OUT_OF_RANGE", "OUTPUT_TOKENS"),
        ({"model": {"usage": {"input_token_semantics": 9}}}, "INVALID_ENUM", "INPUT_TOKEN_SEMANTICS"),
        ({"model": {"request_model": "a prompt of a model"}}, "INVALID_TOKEN", "REQUEST_MODEL"),
        ({"model": {"cost_micro_usd": -5}}, "OUT_OF_RANGE", "COST_MICRO_USD"),
        ({"model": {"time_to_first_token": Duration(seconds=-1)}}, "OUT_OF_RANGE", "TIME_TO_FIRST_TOKEN"),
        ({"tool": {"call_id": "a b"}}, "INVALID_TOKEN", "TOOL_CALL_ID"),
        ({"retrieval": {"result_count": -2}}, "OUT_OF_RANGE", "RESULT_COUNT"),
    ],
)
def test_a_wrong_field_rejects_its_step_alone(fields: dict[str, Any], reason: str, field: str) -> None:
    batch = convert.batch_from_message(upload(steps=[step(**{"run_id": RUN_ID, **fields}), step(RUN_ID)]), PERIOD)

    assert list(batch.steps.indexes) == [1]
    assert [(r.item_index, r.reason, r.field) for r in batch.refused] == [(0, reason, field)]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"failure_id": ""}, "REQUIRED", "FAILURE_ID"),
        ({"type": 0}, "REQUIRED", "TYPE"),
        ({"code": ""}, "REQUIRED", "CODE"),
        ({"code": "it went wrong"}, "INVALID_TOKEN", "CODE"),
        ({"exception_type": "ValueError: no such order"}, "INVALID_TOKEN", "EXCEPTION_TYPE"),
        ({"http_status": 99}, "OUT_OF_RANGE", "HTTP_STATUS"),
        ({"grpc_status": 17}, "OUT_OF_RANGE", "GRPC_STATUS"),
        ({"occur_time": None}, "REQUIRED", "OCCUR_TIME"),
    ],
)
def test_a_wrong_field_rejects_its_failure_alone(fields: dict[str, Any], reason: str, field: str) -> None:
    assert refusals(failures=[failure(**{"run_id": RUN_ID, **fields})]) == [(reason, field)]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("Upper", {"int_value": 1}, "INVALID_KEY"),
        ("prompt", {"string_value": "hello"}, "CONTENT_KEY"),
        ("region", {"string_value": "hello world"}, "INVALID_TOKEN"),
        ("region", {"string_value": "x" * 129}, "TOO_LONG"),
        ("region", {}, "REQUIRED"),
        ("ratio", {"double_value": float("nan")}, "NOT_FINITE"),
        ("ratio", {"double_value": float("-inf")}, "NOT_FINITE"),
    ],
)
def test_a_refused_attribute_is_left_out_and_its_step_is_kept(key: str, value: dict[str, Any], reason: str) -> None:
    given = {"kept": run_pb2.AttributeValue(int_value=7), key: run_pb2.AttributeValue(**value)}

    batch = convert.batch_from_message(upload(steps=[step(RUN_ID, attributes=given)]), PERIOD)

    assert columns(batch)["attributes"] == b'\x01{"kept": 7}'
    assert [(r.reason, r.field) for r in batch.refused] == [(reason, "STEP_ATTRIBUTES")]


def test_attributes_keep_their_types() -> None:
    attributes = {
        "whole": run_pb2.AttributeValue(double_value=1e22),
        "small": run_pb2.AttributeValue(double_value=5e-324),
        "count": run_pb2.AttributeValue(int_value=-(2**63)),
        "name": run_pb2.AttributeValue(string_value="gpt-4o"),
        "flag": run_pb2.AttributeValue(bool_value=False),
    }

    row = convert.batch_from_message(upload(runs=[run(RUN_ID, attributes=attributes)]), PERIOD).runs.rows[0]

    assert row.attributes == copy_binary.jsonb(
        '{"count": -9223372036854775808, "flag": false, "name": "gpt-4o", "small": 5e-324, '
        '"whole": 10000000000000000000000.0}'
    )


def test_a_message_of_too_many_items_is_refused_whole() -> None:
    batch = convert.batch_from_message(upload(steps=[step(RUN_ID) for _ in range(1001)]), PERIOD)

    assert (batch.steps.rows, [r.reason for r in batch.refused]) == ([], ["TOO_MANY_ITEMS"])


def test_absent_and_zero_are_not_the_same() -> None:
    usage = step_pb2.Usage(input_tokens=0)

    batch = convert.batch_from_message(upload(steps=[step(RUN_ID, model={"usage": usage})]), PERIOD)

    assert (columns(batch)["input_tokens"], columns(batch)["output_tokens"]) == (bytes(8), None)


def test_an_attempt_that_is_not_told_is_the_first() -> None:
    batch = convert.batch_from_message(upload(steps=[step(RUN_ID)]), PERIOD)

    assert columns(batch)["attempt"] == b"\0\0\0\x01"


def test_an_end_without_a_start_stands_for_itself() -> None:
    message = ended(RUN_ID, start_time=None, agent_id="")

    row = convert.batch_from_message(upload(runs=[message]), PERIOD).runs.rows[0]

    assert (row.is_stub, row.start_time, row.agent_id) == (True, row.end_time, copy_binary.NULL)


def test_a_heartbeat_keeps_its_run_running() -> None:
    row = convert.batch_from_message(upload(runs=[run(RUN_ID, heartbeat_time=at(30))]), PERIOD).runs.rows[0]

    assert (row.status, row.end_time) == (copy_binary.text("RUNNING"), None)
    assert row.heartbeat_time == row.start_time + 30_000_000
    assert run(RUN_ID).status == RUNNING
