"""Fuzzing of every request type: whatever the bytes, the answer is a documented status, and the service goes on.

A slice in each run of the tests; `make fuzz` for minutes. The seed is printed with a failure, and AGENTTRACE_FUZZ_SEED
sets it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agenttrace.v1 import ingest_service_pb2, query_service_pb2
from fix_server import Services
from items import ended, failure, new_id, run, step, upload

SEED = int(os.environ.get("AGENTTRACE_FUZZ_SEED") or random.SystemRandom().getrandbits(32))
EXAMPLES = int(os.environ.get("AGENTTRACE_FUZZ_EXAMPLES", "40"))
METHODS = [
    method
    for file in (ingest_service_pb2, query_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
# A bug would be UNKNOWN or INTERNAL; a call that hangs DEADLINE_EXCEEDED, which a watch without an end is asked for.
BUGS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED}
TEXTS = ["", "a", "two words", "\0", "é", "x" * 129, "2026", "../..", "%s", "'", "\u202e", "{}", "NULL"]
NUMBERS = [0, 1, -1, 2, 199, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63), 1_790_000_000]


def anything(dice: random.Random, kind: type[Message], depth: int = 0) -> Any:
    """A message of a kind with some of its fields set to ordinary, extreme and senseless values."""
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        if dice.random() < 0.4:
            continue
        if field.is_repeated:
            _fill(dice, message, field, depth)
        elif field.message_type is not None:
            if depth < 4:
                getattr(message, field.name).CopyFrom(anything(dice, GetMessageClass(field.message_type), depth + 1))
        else:
            setattr(message, field.name, _value(dice, field))
    return message


def _fill(dice: random.Random, message: Any, field: FieldDescriptor, depth: int) -> None:
    entries = getattr(message, field.name)
    for _ in range(dice.choice([0, 1, 2, 5])):
        if field.message_type is None:
            entries.append(_value(dice, field))
        elif field.message_type.GetOptions().map_entry:
            value = GetMessageClass(field.message_type.fields_by_name["value"].message_type)
            entries[_text(dice)].CopyFrom(anything(dice, value, depth + 1))
        elif depth < 4:
            entries.append(anything(dice, GetMessageClass(field.message_type), depth + 1))


def _value(dice: random.Random, field: FieldDescriptor) -> Any:
    kinds = FieldDescriptor
    if field.cpp_type == kinds.CPPTYPE_STRING:
        return dice.randbytes(dice.randrange(40)) if field.type == kinds.TYPE_BYTES else _text(dice)
    if field.cpp_type == kinds.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if field.cpp_type in (kinds.CPPTYPE_DOUBLE, kinds.CPPTYPE_FLOAT):
        return dice.choice([0.0, -1.5, 1e308, float("nan"), float("inf")])
    number = dice.choice(NUMBERS)
    if field.cpp_type in (kinds.CPPTYPE_INT32, kinds.CPPTYPE_ENUM):
        return max(-(2**31), min(2**31 - 1, number if dice.random() < 0.5 else dice.randrange(8)))
    return number if field.cpp_type == kinds.CPPTYPE_INT64 else abs(number)


def _text(dice: random.Random) -> str:
    return dice.choice([*TEXTS, new_id(), "agent", "production"])


def damaged(dice: random.Random, raw: bytes) -> bytes:
    """Bytes with some of them changed, taken out, put in, or cut off."""
    data = bytearray(raw or dice.randbytes(20))
    for _ in range(dice.choice([1, 1, 3, 10])):
        place = dice.randrange(len(data)) if data else 0
        match dice.randrange(4):
            case 0 if data:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                del data[place : place + dice.randrange(1, 6)]
            case 2:
                data[place:place] = dice.randbytes(dice.randrange(1, 9))
            case _:
                del data[place + 1 :]
    return bytes(data)


def requests(method: MethodDescriptor) -> Iterator[bytes]:
    """So many requests of a method."""
    dice = random.Random(f"{SEED} {method.full_name}")
    kind = GetMessageClass(method.input_type)
    run_id = new_id()
    plain = upload(runs=[run(run_id), ended(run_id)], steps=[step(run_id)], failures=[failure(run_id)])
    for number in range(EXAMPLES):
        raw = anything(dice, kind).SerializeToString()
        if number % 4 == 1:
            raw = damaged(dice, raw)
        elif number % 4 == 2:
            raw = damaged(dice, plain.SerializeToString())
        elif number % 4 == 3:
            raw = dice.randbytes(dice.randrange(200))
        yield raw


def status_of(services: Services, method: MethodDescriptor, raw: bytes) -> grpc.StatusCode:
    """How a call with these bytes ends; a stream of answers is left after the first."""
    service = method.containing_service.name
    channel = services.ingest_channel if service == "IngestService" else services.query_channel
    sends, answers = (method.client_streaming, method.server_streaming)
    name = f"{'stream' if sends else 'unary'}_{'stream' if answers else 'unary'}"
    call = getattr(channel, name)(f"/{method.containing_service.full_name}/{method.name}")
    try:
        answer = call(iter([raw]) if sends else raw, timeout=1.0 if method.name == "WatchRuns" else 10.0)
        if answers:
            next(iter(answer), None)
            answer.cancel()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_whatever_is_sent_has_a_documented_answer(services: Services, method: MethodDescriptor) -> None:
    allowed_to_wait = method.name == "WatchRuns"
    for raw in requests(method):
        status = status_of(services, method, raw)
        assert status not in BUGS, f"AGENTTRACE_FUZZ_SEED={SEED}: {status.name} for {raw.hex()}"
        assert allowed_to_wait or status is not grpc.StatusCode.DEADLINE_EXCEEDED, raw.hex()

    harmless = upload(steps=[step(new_id())])
    assert services.ingest.UploadSteps(iter([harmless]), timeout=10).counts.steps.accepted == 1
