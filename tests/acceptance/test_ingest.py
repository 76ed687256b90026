"""The ingest service over the wire."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server import limits
from fix_product import up
from fix_server import Services
from fix_store import assert_counters_equal_a_recount
from items import at, batch, ended, failure, new_id, run, step, upload


def rejections(response: Any) -> list[tuple[int, str, int, str, str]]:
    return [
        (
            r.message_index,
            pb.ItemKind.Name(r.kind).removeprefix("ITEM_KIND_"),
            r.item_index,
            pb.RejectionReason.Name(r.reason).removeprefix("REJECTION_REASON_"),
            pb.RejectionField.Name(r.field).removeprefix("REJECTION_FIELD_"),
        )
        for r in response.rejections
    ]


def count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    assert row
    return int(row[0])


def send_raw(services: Services, *messages: bytes) -> pb.UploadStepsResponse:
    """Send bytes that our own stubs would not."""
    call = services.ingest_channel.stream_unary(
        "/agenttrace.v1.IngestService/UploadSteps",
        request_serializer=bytes,
        response_deserializer=pb.UploadStepsResponse.FromString,
    )
    response: pb.UploadStepsResponse = call(iter(messages))
    return response


def test_a_stream_is_answered_with_its_receipt(services: Services, connection: psycopg.Connection) -> None:
    run_id = new_id()
    first = upload(runs=[run(run_id)], steps=[step(run_id), step(run_id)])

    response = services.ingest.UploadSteps(
        iter([first, first, upload(runs=[ended(run_id)], failures=[failure(run_id)])])
    )

    assert response.acknowledged_message_count == 3
    assert response.close_reason == pb.CLOSE_REASON_UNSPECIFIED
    assert (response.counts.runs.accepted, response.counts.runs.duplicate) == (2, 1)
    assert (response.counts.steps.accepted, response.counts.steps.duplicate) == (2, 2)
    assert (count(connection, "agent_steps"), count(connection, "agent_failures")) == (2, 1)
    assert_counters_equal_a_recount(connection)


def test_a_batch_is_the_same_as_a_stream_of_one_message(services: Services) -> None:
    run_id = new_id()
    items = {"runs": [run(run_id), run("x")], "steps": [step(run_id)], "failures": [failure(run_id, code="a b")]}

    unary = services.ingest.RecordBatch(batch(**items))
    stream = services.ingest.UploadSteps(iter([upload(**items)]))

    assert (
        rejections(unary)
        == rejections(stream)
        == [
            (0, "RUN", 1, "INVALID_UUID", "RUN_ID"),
            (0, "FAILURE", 0, "INVALID_TOKEN", "CODE"),
        ]
    )


def test_an_empty_stream_and_an_empty_message_are_fine(services: Services) -> None:
    assert services.ingest.UploadSteps(iter([])).acknowledged_message_count == 0
    assert services.ingest.UploadSteps(iter([upload()])).acknowledged_message_count == 1


def test_one_bad_item_rejects_itself_only(services: Services, connection: psycopg.Connection) -> None:
    run_id = new_id()
    bad = [
        step(run_id, name="nul\0byte"),
        step(run_id, type=99),
        step(run_id, start_time=Timestamp(seconds=253_402_300_800)),
        step(run_id, start_time=old(), end_time=old()),
    ]
    good = [step(run_id) for _ in bad]

    response = services.ingest.UploadSteps(
        iter([upload(steps=[s for pair in zip(good, bad, strict=True) for s in pair])])
    )

    assert rejections(response) == [
        (0, "STEP", 1, "INVALID_TOKEN", "NAME"),
        (0, "STEP", 3, "INVALID_ENUM", "TYPE"),
        (0, "STEP", 5, "INVALID_TIME", "START_TIME"),
        (0, "STEP", 7, "TOO_OLD", "START_TIME"),
    ]
    assert count(connection, "agent_steps") == len(good)


def old() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) - timedelta(days=91))
    return moment


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xff\xff\xff",
        b"\x12\x05\x0a",
        upload(steps=[step(new_id())]).SerializeToString()[:-3],
        b"\x12\x04\x32\x02\xc3\x28",
    ],
    ids=["noise", "truncated varint", "cut off", "invalid UTF-8"],
)
def test_a_malformed_message_is_one_rejection_and_the_stream_goes_on(services: Services, raw: bytes) -> None:
    good = upload(steps=[step(new_id())]).SerializeToString()

    response = send_raw(services, good, raw, good)

    assert response.acknowledged_message_count == 3
    assert rejections(response) == [(1, "MESSAGE", 0, "MALFORMED_MESSAGE", "UNSPECIFIED")]
    assert (response.counts.steps.accepted, response.counts.steps.duplicate) == (1, 1)


def test_a_malformed_batch_is_an_invalid_argument(services: Services) -> None:
    call = services.ingest_channel.unary_unary(
        "/agenttrace.v1.IngestService/RecordBatch", request_serializer=bytes, response_deserializer=bytes
    )

    with pytest.raises(grpc.RpcError) as error:
        call(b"\xff")

    assert error_info(error.value) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


def error_info(error: Any) -> tuple[grpc.StatusCode, str]:
    """The status of an error and the reason in its one ErrorInfo."""
    infos = []
    for detail in rpc_status.from_call(error).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            infos.append(info)
    assert [info.domain for info in infos] == ["agenttrace"]
    return error.code(), infos[0].reason


def test_unknown_fields_are_counted_and_discarded(services: Services) -> None:
    inner = step(new_id()).SerializeToString() + b"\xa2\x06\x04text"
    raw = b"\x12" + bytes([len(inner)]) + inner + b"\xa2\x06\x04text"

    response = send_raw(services, raw)

    assert (response.counts.unknown_field_count, response.counts.steps.accepted) == (2, 1)


def test_all_rejections_are_counted_and_the_first_100_listed(services: Services) -> None:
    response = services.ingest.UploadSteps(iter([upload(steps=[step("") for _ in range(150)])]))

    assert (response.counts.steps.rejected, len(response.rejections)) == (150, 100)


def test_a_stream_is_answered_after_1000_messages(services: Services) -> None:
    message = upload(steps=[step(new_id())])

    response = services.ingest.UploadSteps(iter([message] * 1001))

    assert (response.acknowledged_message_count, response.close_reason) == (1000, pb.CLOSE_REASON_MESSAGE_LIMIT)


def test_a_stream_is_answered_after_8_mebibytes(services: Services) -> None:
    big = upload(steps=[step(new_id(), name="n" * 128, tool={"name": "t" * 128}) for _ in range(1000)])
    enough = 8 * 2**20 // big.ByteSize() + 1

    response = services.ingest.UploadSteps(iter([big] * (enough + 5)))

    assert (response.acknowledged_message_count, response.close_reason) == (enough, pb.CLOSE_REASON_BYTE_LIMIT)


def test_an_idle_stream_is_answered_when_its_time_is_over(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAM_SECONDS", 1)
    sent: queue.Queue[pb.UploadStepsRequest | None] = queue.Queue()
    sent.put(upload(steps=[step(new_id())]))

    response = services.ingest.UploadSteps.future(iter(sent.get, None)).result(timeout=20)
    sent.put(None)

    assert (response.acknowledged_message_count, response.close_reason) == (1, pb.CLOSE_REASON_TIME_LIMIT)


def test_a_message_over_4_mebibytes_is_refused_as_such(services: Services) -> None:
    with pytest.raises(grpc.RpcError) as error:
        send_raw(services, b"\x00" * (4 * 2**20 + 1))

    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_is_answered_with_what_is_committed_when_the_server_drains(tmp_path: Path) -> None:
    """An open stream at SIGTERM ends with OK and its receipt; nothing acknowledged is lost."""
    with up(tmp_path) as product, grpc.insecure_channel(product.endpoints["ingest"]) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        sent: queue.Queue[pb.UploadStepsRequest | None] = queue.Queue()
        for _ in range(3):
            sent.put(upload(steps=[step(new_id())]))
        call = stub.UploadSteps.future(iter(sent.get, None))
        wait_for_rows(product.endpoints["database_url"], 3)

        product.process.send_signal(signal.SIGTERM)
        response = call.result(timeout=20)
        sent.put(None)

    assert (response.acknowledged_message_count, response.close_reason) == (3, pb.CLOSE_REASON_DRAINING)


def wait_for_rows(url: str, expected: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 20
        while count(connection, "agent_steps") < expected:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_outage_is_unavailable_and_told_by_health_and_passes(
    services: Services, connection: psycopg.Connection
) -> None:
    health = health_pb2_grpc.HealthStub(services.ingest_channel)
    name = connection.info.dbname
    with psycopg.connect(services.database_url, dbname="postgres", autocommit=True) as server:
        server.execute("UPDATE pg_database SET datallowconn = false WHERE datname = %s", (name,))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

        gone = health_within(health, "agenttrace.v1.IngestService", health_pb2.HealthCheckResponse.NOT_SERVING)
        alive = health.Check(health_pb2.HealthCheckRequest(service="")).status
        with pytest.raises(grpc.RpcError) as error:
            services.ingest.RecordBatch(batch(steps=[step(new_id())]))

        server.execute("UPDATE pg_database SET datallowconn = true WHERE datname = %s", (name,))
        back = health_within(health, "agenttrace.v1.IngestService", health_pb2.HealthCheckResponse.SERVING)
    stored = services.ingest.RecordBatch(batch(steps=[step(new_id())]))

    assert error_info(error.value) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert retry_seconds(error.value) > 0
    assert alive == health_pb2.HealthCheckResponse.SERVING
    assert max(gone, back) < 6
    assert stored.counts.steps.accepted == 1


def health_within(health: Any, service: str, status: int) -> float:
    """How many seconds it takes until health says so."""
    began = time.monotonic()
    while health.Check(health_pb2.HealthCheckRequest(service=service)).status != status:
        assert time.monotonic() - began < 15
        time.sleep(0.05)
    return time.monotonic() - began


def retry_seconds(error: Any) -> float:
    retry = error_details_pb2.RetryInfo()
    return max(
        retry.retry_delay.ToTimedelta().total_seconds()
        for detail in rpc_status.from_call(error).details
        if detail.Unpack(retry)
    )


def test_concurrent_uploads_are_counted_exactly(services: Services, connection: psycopg.Connection) -> None:
    """Ten clients send overlapping halves of the same runs at once."""
    runs = [new_id() for _ in range(5)]
    steps = [step(run_id) for run_id in runs for _ in range(40)]

    def client(part: int) -> None:
        mine = steps[part * 10 : part * 10 + 110]
        messages = [
            upload(runs=[run(run_id) for run_id in runs], steps=mine[n : n + 7]) for n in range(0, len(mine), 7)
        ]
        services.ingest.UploadSteps(iter(messages))

    threads = [threading.Thread(target=client, args=(part,)) for part in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert count(connection, "agent_steps") == len(steps)
    assert_counters_equal_a_recount(connection)


def test_memory_is_flat_while_100_000_steps_stream_in(tmp_path: Path) -> None:
    with up(tmp_path) as product, grpc.insecure_channel(product.endpoints["ingest"]) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        stub.UploadSteps(batches(10_000))
        before = resident_bytes(product.endpoints["metrics"]["ingest"])

        accepted = sum(stub.UploadSteps(batches(18_000)).counts.steps.accepted for _ in range(5))

        after = resident_bytes(product.endpoints["metrics"]["ingest"])
    assert accepted == 90_000
    assert after - before < 16 * 2**20


def batches(steps: int) -> Iterator[pb.UploadStepsRequest]:
    for _ in range(steps // 500):
        run_id = new_id()
        yield upload(
            runs=[run(run_id)],
            steps=[step(run_id, sequence=n, start_time=at(n / 10), end_time=at(n / 10 + 1)) for n in range(500)],
        )


def resident_bytes(metrics_url: str) -> int:
    import urllib.request

    with urllib.request.urlopen(metrics_url) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(line for line in lines if line.startswith("process_resident_memory_bytes")).split()[1]))
