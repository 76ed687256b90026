"""What no client of ours would send: bytes, sizes and numbers at and beyond every edge (F29 to F32)."""

from __future__ import annotations

import gzip
import random
import struct
import time
from typing import Any

import grpc
import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import step_pb2
from agenttrace_server import limits
from agenttrace_server.privacy.slots import all_slots
from faults.courier import channel_to
from faults.processes import IngestProcess
from items import failure, new_id, run, step, upload

STREAM, UNARY = "/agenttrace.v1.IngestService/UploadSteps", "/agenttrace.v1.IngestService/RecordBatch"
# What a call may end with when its bytes are wrong. Never UNKNOWN, INTERNAL or an answer that does not come.
REFUSALS = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}


def send_stream(service: IngestProcess, *raw: bytes, **options: Any) -> pb.UploadStepsResponse:
    with channel_to(service.address) as channel:
        call = channel.stream_unary(
            STREAM, request_serializer=bytes, response_deserializer=pb.UploadStepsResponse.FromString
        )
        response: pb.UploadStepsResponse = call(iter(raw), timeout=60, **options)
        return response


def send_unary(service: IngestProcess, raw: bytes, **options: Any) -> Any:
    """The answer, or the status of the error."""
    with channel_to(service.address) as channel:
        call = channel.unary_unary(
            UNARY, request_serializer=bytes, response_deserializer=pb.RecordBatchResponse.FromString
        )
        try:
            return call(raw, timeout=60, **options)
        except grpc.RpcError as error:
            return error.code()


def is_alive(service: IngestProcess) -> bool:
    """Whether the next harmless step is stored."""
    answer = send_unary(service, upload(steps=[step(new_id())]).SerializeToString())
    return bool(answer.counts.steps.accepted == 1)


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, data: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def padded(size: int) -> bytes:
    """A message with one good step, of exactly so many bytes: the rest is a field that nobody knows."""
    good = upload(steps=[step(new_id())]).SerializeToString()
    room = size - len(good)
    tag = varint(900 << 3 | 2)
    for header in range(1, 6):
        body = room - len(tag) - header
        if len(varint(body)) == header:
            return good + tag + varint(body) + bytes(body)
    raise AssertionError


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_a_message_at_the_limit_of_size_is_taken_and_one_byte_more_is_not(
    shared_service: IngestProcess, extra: int, taken: bool
) -> None:
    raw = padded(limits.MESSAGE_BYTES + extra)
    assert len(raw) == limits.MESSAGE_BYTES + extra

    unary = send_unary(shared_service, raw)

    if taken:
        assert unary.counts.steps.accepted == 1
        assert send_stream(shared_service, raw).counts.steps.duplicate == 1
    else:
        assert unary == grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.RpcError) as error:
            send_stream(shared_service, raw)
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert is_alive(shared_service)


@pytest.mark.parametrize(("count", "accepted"), [(999, 999), (1000, 1000), (1001, 0)])
def test_a_message_at_the_limit_of_items_is_taken_and_one_more_refuses_it_whole(
    shared_service: IngestProcess, count: int, accepted: int
) -> None:
    run_id = new_id()
    raw = upload(steps=[step(run_id) for _ in range(count)]).SerializeToString()

    response = send_stream(shared_service, raw)

    assert response.acknowledged_message_count == 1
    assert response.counts.steps.accepted == accepted
    assert response.counts.rejected_message_count == (0 if accepted else 1)


def test_a_bomb_of_gzip_is_refused_without_being_blown_up(shared_service: IngestProcess) -> None:
    """64 MiB of zeros in 64 kB: the limit is that of the message, not of what comes over the wire."""
    before = shared_service.resident_bytes()
    bomb = padded(64 * 2**20)
    assert len(gzip.compress(bomb)) < 200_000

    answer = send_unary(shared_service, bomb, compression=grpc.Compression.Gzip)

    assert answer == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shared_service.resident_bytes() - before < 32 * 2**20
    assert is_alive(shared_service)


def test_a_message_that_is_compressed_and_small_enough_is_taken(shared_service: IngestProcess) -> None:
    answer = send_unary(shared_service, padded(1 << 20), compression=grpc.Compression.Gzip)

    assert answer.counts.steps.accepted == 1


GOOD = upload(steps=[step("01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11", name="lookup")]).SerializeToString()
MALFORMED = {
    "a varint without end": b"\x12" + b"\xff" * 11,
    "a length beyond the end": b"\x12\xff\xff\x03",
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "a tag of field 0": b"\x02\x01a",
    "an end of a group that did not begin": b"\x0c",
    "a group without end": b"\x0b" * 50,
    "wire type 6": b"\x16\x01",
    "wire type 7": b"\x17\x01",
    "a step's name that is not UTF-8": field(2, field(6, b"\xc3\x28")),
    "a lone surrogate": field(2, field(6, b"\xed\xa0\x80")),
    "an overlong NUL": field(2, field(6, b"\xc0\x80")),
    "groups nested ten thousand deep": b"\xa3\x38" * 10_000,
    "noise": random.Random(7).randbytes(5_000),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_bytes_that_are_no_message_are_a_rejection_in_a_stream_and_an_error_alone(
    shared_service: IngestProcess, raw: bytes
) -> None:
    good = upload(steps=[step(new_id())]).SerializeToString()

    response = send_stream(shared_service, good, raw, good)

    assert response.acknowledged_message_count == 3
    assert response.counts.rejected_message_count == 1
    assert (response.counts.steps.accepted, response.counts.steps.duplicate) == (1, 1)
    assert send_unary(shared_service, raw) == grpc.StatusCode.INVALID_ARGUMENT
    shared_service.assert_log_is_calm()


def test_a_field_of_another_wire_type_is_unknown_and_the_item_lacks_it(shared_service: IngestProcess) -> None:
    """Where a string is expected a number: protobuf keeps it as unknown, and the step has no name."""
    made = step(new_id())
    made.ClearField("name")
    number = step_pb2.Step.DESCRIPTOR.fields_by_name["name"].number
    raw = field(2, made.SerializeToString() + varint(number << 3) + b"\x01")

    response = send_stream(shared_service, raw)

    assert response.counts.unknown_field_count == 1
    assert [r.reason for r in response.rejections] == [pb.REJECTION_REASON_REQUIRED]


def test_a_million_unknown_fields_are_counted_within_seconds(shared_service: IngestProcess) -> None:
    good = upload(steps=[step(new_id())]).SerializeToString()
    raw = good + b"\xa0\x38\x01" * 1_000_000
    began = time.monotonic()

    response = send_stream(shared_service, raw)

    assert response.counts.unknown_field_count == 1_000_000
    assert response.counts.steps.accepted == 1
    assert time.monotonic() - began < 30
    assert is_alive(shared_service)


STRANGE_TEXTS = {
    "NUL": "a\0b", "NUL alone": "\0", "right-to-left override": "a\u202eb", "byte order mark": "\ufeffname",
    "a flood of combining marks": "a" + "\u0301" * 100_000, "a private character": "\ue000", "a noncharacter": "\uffff",
    "a megabyte": "a" * 2**20, "a delete": "a\x7f", "a vertical tab": "a\x0bb", "an emoji": "\U0001f4b3",
    "a line separator": "a\u2028b", "full-width": "\uff21\uff11",
}  # fmt: skip


@pytest.mark.parametrize("text", STRANGE_TEXTS.values(), ids=STRANGE_TEXTS)
def test_a_strange_text_rejects_its_item_alone_in_every_slot(
    shared_service: IngestProcess, shared_connection: psycopg.Connection, text: str
) -> None:
    """One NUL that comes to the database would abort the COPY of its neighbours."""
    run_id = new_id()
    message = upload(runs=[run(run_id)], failures=[failure(run_id)])
    # A long text stands in a few slots: all of them would be more than a message may have.
    slots = all_slots()[:: 1 if len(text) < 1000 else 10]
    for slot in slots:
        getattr(message, slot.items).append(slot.item_with(text, new_id()))
        message.steps.append(step(run_id))

    response = send_stream(shared_service, message.SerializeToString())

    attributes = response.counts.rejected_attribute_count
    refused = sum(getattr(response.counts, items).rejected for items in ("runs", "steps", "failures"))
    assert refused + attributes == len(slots)
    row = shared_connection.execute("SELECT count(*) FROM agent_steps WHERE run_id = %s", (run_id,)).fetchone()
    assert row is not None
    assert row[0] == len(slots)


EDGES = [2**63 - 1, -(2**63), -1, 2**53, 2**31, -(2**31)]


@pytest.mark.parametrize("value", EDGES)
def test_numbers_beyond_their_range_reject_their_step_alone(shared_service: IngestProcess, value: int) -> None:
    narrow = [f for f in step_pb2.Step.DESCRIPTOR.fields if f.type == f.TYPE_INT32]
    counts = [f for f in step_pb2.Usage.DESCRIPTOR.fields if f.type == f.TYPE_INT64]
    made = [step(new_id(), model={"usage": {f.name: value}}) for f in counts]
    made += [step(new_id(), **{f.name: value}) for f in narrow if -(2**31) <= value < 2**31]
    assert len(counts) == 5
    good = step(new_id())

    response = send_stream(shared_service, upload(steps=[*made, good]).SerializeToString())

    ok = sum(0 <= value <= limits.COUNT_MAX for _ in counts)
    assert response.counts.steps.rejected == len(made) - ok
    assert response.counts.steps.accepted == 1 + ok
    assert {r.reason for r in response.rejections} <= {pb.REJECTION_REASON_OUT_OF_RANGE, pb.REJECTION_REASON_REQUIRED}


@pytest.mark.parametrize(
    "bits", [0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF]
)
def test_what_is_no_finite_number_leaves_out_its_attribute(
    shared_service: IngestProcess, shared_connection: psycopg.Connection, bits: int
) -> None:
    """Infinities and every kind of NaN: JSON has none of them."""
    made = step(new_id())
    made.attributes["ratio"].double_value = struct.unpack(">d", struct.pack(">Q", bits))[0]
    made.attributes["whole"].int_value = -(2**63)

    response = send_stream(shared_service, upload(steps=[made]).SerializeToString())

    assert response.counts.rejected_attribute_count == 1
    assert [r.reason for r in response.rejections] == [pb.REJECTION_REASON_NOT_FINITE]
    stored = shared_connection.execute("SELECT attributes FROM agent_steps WHERE step_id = %s", (made.step_id,))
    assert stored.fetchall() == [({"whole": -(2**63)},)]


@pytest.mark.parametrize(("seconds", "nanos"), [(2**63 - 1, 0), (-(2**63), 0), (0, 2**31 - 1), (0, -1), (0, 10**9)])
def test_a_time_that_is_none_rejects_its_step_alone(shared_service: IngestProcess, seconds: int, nanos: int) -> None:
    made = step(new_id())
    made.start_time.seconds, made.start_time.nanos = seconds or made.start_time.seconds, nanos

    response = send_stream(shared_service, upload(steps=[made, step(new_id())]).SerializeToString())

    assert (response.counts.steps.rejected, response.counts.steps.accepted) == (1, 1)
    assert [r.reason for r in response.rejections] == [pb.REJECTION_REASON_INVALID_TIME]


def test_flipped_bytes_never_end_a_call_with_an_error_of_ours(
    shared_service: IngestProcess, chance: random.Random
) -> None:
    """A thousand messages, each damaged in a few places: read as something else, or counted as malformed."""
    whole = upload(runs=[run(new_id(), tags=["a"])], steps=[step(new_id())], failures=[failure(new_id())])
    raw = whole.SerializeToString()
    damaged = []
    for _ in range(1000):
        changed = bytearray(raw)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        damaged.append(bytes(changed))

    response = send_stream(shared_service, *damaged)

    assert response.acknowledged_message_count == 1000
    assert response.counts.rejected_message_count > 100
    shared_service.assert_log_is_calm()
