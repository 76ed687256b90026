"""Streams that end otherwise than with an answer, and streams that carry what is no message."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from faults.conftest import Serve
from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.oracle import Generator, Item, Journal, check, request, stored
from faults.processes import IngestProcess, wait_until


@pytest.mark.faults
def test_streams_cancelled_while_their_messages_are_committed_lose_nothing_of_others(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal
) -> None:
    """The writer has what it has taken; nobody waits for the answer, and those beside it get theirs."""
    cancelled, steady = make.runs(60), make.runs(60)

    def cancel_some() -> None:
        with channel_to(service.address) as channel:
            stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
            for messages in cut(make.messages(cancelled, sizes=(1, 10)), 5):
                call = stub.UploadSteps.future(map(request, messages))
                time.sleep(chance.random() / 30)
                call.cancel()

    def stay() -> None:
        messages = Generator(random.Random(1)).messages(steady, sizes=(1, 10))
        assert send_streams(service.address, cut(messages, 5), journal) == []

    at_once([cancel_some, stay])

    time.sleep(0.3)
    check(connection, [*cancelled, *steady], journal, counts_are_exact=False)
    again = make.messages(cancelled, sizes=(1, 50))
    assert send_streams(service.address, cut(again, 10), journal, resend=True) == []
    check(connection, [*cancelled, *steady], journal, complete=True, counts_are_exact=False)
    service.assert_log_is_calm()


def test_a_call_that_is_given_up_while_the_database_is_locked_leaves_nobody_waiting(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """Messages in flight of streams that end by their deadline; then the lock goes, and the next call is served."""
    service = serve(pool_timeout_seconds=1)
    batches = [make.run(5) for _ in range(60)]
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_steps IN SHARE MODE")

        left = send_streams(service.address, cut(batches, 6), journal, clients=10, timeout=0.7)

    assert len(left) == 60
    assert {status for status, *_ in journal.errors} <= {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
    assert send_streams(service.address, cut(left, 6), journal, resend=True) == []
    check(connection, [item for items in batches for item in items], journal, complete=True)
    service.terminate()
    assert service.wait() == 0
    service.assert_log_is_calm()


@pytest.mark.parametrize("place", [0, 1, 5])
def test_a_malformed_message_anywhere_in_a_stream_is_one_rejection(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal, place: int
) -> None:
    items = make.runs(5)
    messages = make.messages(items, sizes=(3, 30))[:5]
    raw = [request(message).SerializeToString() for message in messages]
    raw.insert(place, b"\xff" * 20)
    with channel_to(service.address) as channel:
        call = channel.stream_unary(
            "/agenttrace.v1.IngestService/UploadSteps",
            request_serializer=bytes,
            response_deserializer=pb.UploadStepsResponse.FromString,
        )

        response = call(iter(raw), timeout=20)

    assert response.acknowledged_message_count == len(raw)
    assert response.counts.rejected_message_count == 1
    assert [(r.message_index, r.kind) for r in response.rejections] == [(place, pb.ITEM_KIND_MESSAGE)]
    sent = [item for message in messages for item in message]
    assert {item.key for item in sent} == {key for key in stored(connection) if key in {i.key for i in sent}}


def test_a_client_that_vanishes_frees_its_stream_and_what_it_sent_is_whole(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """The connection is cut while the stream is open: every message is stored whole or not at all."""
    batches = [make.run(8) for _ in range(10)]
    gone = threading.Event()

    def requests() -> Iterator[pb.UploadStepsRequest]:
        for items in batches:
            yield request(items)
        gone.wait(20)

    channel = channel_to(service.address)
    call = ingest_service_pb2_grpc.IngestServiceStub(channel).UploadSteps.future(requests())
    wait_until(lambda: stored(connection), "something is stored")
    channel.close()
    gone.set()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        call.result(timeout=10)

    time.sleep(0.3)
    found = stored(connection)
    for items in batches:
        assert {item.key in found for item in items if item.key[0] != "runs"} in ({True}, {False})
    with channel_to(service.address) as other:
        assert send(other, batches, journal) == []
    check(connection, _all(batches), journal, complete=True, counts_are_exact=False)
    service.assert_log_is_calm()


def _all(batches: list[list[Item]]) -> list[Item]:
    return [item for items in batches for item in items]


def test_a_failing_stream_with_several_messages_in_flight_leaves_no_error_untaken(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """All of them fail and the call ends with the first: the others' errors are nobody's, and no error in the log."""
    service = serve(pool_timeout_seconds=0.5, ingest_transactions=4)
    batches: list[Any] = [make.run(20) for _ in range(40)]
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_runs IN SHARE MODE")

        left = send_streams(service.address, cut(batches, 8), journal, clients=5)

    assert len(left) == 40
    service.terminate()
    assert service.wait() == 0
    service.assert_log_is_calm()


@pytest.mark.faults
def test_memory_stays_bounded_while_the_database_takes_nothing(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator
) -> None:
    """F6: 24,000 steps as large as they may be, of which none gets through: what waits is bounded in bytes too.

    About half of it are gRPC's own windows; with `grpc.http2.bdp_probe` off the most is 130 MiB.
    """
    service = serve(pool_timeout_seconds=8)
    raw = upload_of_fat_steps(make, 50)
    peak = [service.resident_bytes()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], service.resident_bytes())

    def fill() -> None:
        with ExitStack() as stack:
            channels = [stack.enter_context(channel_to(service.address)) for _ in range(4)]
            stubs = [ingest_service_pb2_grpc.IngestServiceStub(channel) for channel in channels]
            calls = [stub.UploadSteps.future(iter([raw] * 4), timeout=3) for stub in stubs for _ in range(30)]
            assert {call.code() for call in calls} <= GIVEN_UP
        done.set()

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_runs IN SHARE MODE")
        at_once([fill, watch])

    print(f"at most {peak[0] / 2**20:.0f} MiB")
    assert peak[0] < 200 * 2**20


GIVEN_UP = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}


def upload_of_fat_steps(make: Generator, count: int) -> pb.UploadStepsRequest:
    """Steps with all the attributes and names that they may have, each as long as it may be: 6 kB."""
    fat = make.step(make.run(0)[0].key[1]).message
    for n in range(30):
        fat.attributes[f"k{n}".ljust(64, "x")].string_value = "v" * 128
    for name in ("provider", "request_model", "response_model", "finish_reason"):
        setattr(fat.model, name, "m" * 128)
    raw = pb.UploadStepsRequest(steps=[fat] * count)
    for n, step in enumerate(raw.steps):
        step.step_id = f"00000000-0000-4000-8000-{n:012d}"
    return raw
