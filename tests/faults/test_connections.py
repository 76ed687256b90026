"""Connections as an attacker, a crowd or a load balancer makes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import agenttrace
from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from certificates import Authority
from faults.conftest import Serve
from faults.courier import at_once, channel_to
from faults.processes import IngestProcess, wait_until
from fix_server import config_for, running
from items import batch, new_id, step, upload

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\0\0\0\4\0\0\0\0\0"
_PING = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
# A record of a handshake that announces 512 bytes and never gets there.
_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
_GOAWAY, _ENHANCE_YOUR_CALM = 7, 11


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.mark.parametrize(
    ("stream_count", "channel_count"),
    [
        (2_000, 8),
        pytest.param(2_000, 1, marks=pytest.mark.faults),
        pytest.param(10_000, 1, marks=pytest.mark.faults),
        pytest.param(10_000, 8, marks=pytest.mark.faults),
    ],
)
def test_a_burst_of_streams_is_served_whole(serve: Serve, stream_count: int, channel_count: int) -> None:
    """F27: all of them are open at the same time, and not one ends as CANCELLED."""
    # A machine that does other things at the same time may be slow: that is not what this is about.
    service = serve(pool_timeout_seconds=60)
    before = service.resident_bytes()

    codes, peak = asyncio.run(burst(service, stream_count, channel_count))

    print(f"{stream_count} streams: {dict(codes)}, {(peak - before) / 2**20:.0f} MiB more than at rest")
    assert codes == {"OK": stream_count}
    # Sixty KiB a stream: gRPC's own state, a task and its context.
    assert peak - before < 64 * 2**20 + stream_count * 60 * 1024
    service.assert_log_is_calm()


async def burst(service: IngestProcess, stream_count: int, channel_count: int) -> tuple[Counter[str], int]:
    """Open all streams, send a message on each, and end them when all have; return their codes and the most memory."""
    codes: Counter[str] = Counter()
    begun = asyncio.Semaphore(0)
    all_begun = asyncio.Event()

    async def stream(stub: ingest_service_pb2_grpc.IngestServiceStub) -> None:
        call = stub.UploadSteps(timeout=300)
        try:
            await call.write(upload(steps=[step(new_id())]))
            begun.release()
            await all_begun.wait()
            await call.done_writing()
            response = await call
            codes["OK" if response.counts.steps.accepted == 1 else "not stored"] += 1
        except grpc.aio.AioRpcError as error:
            begun.release()
            codes[f"{error.code().name}: {error.details()}"] += 1
        except asyncio.InvalidStateError:  # the call has ended while it was written to
            begun.release()
            codes[(await call.code()).name] += 1

    options = [("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(service.address, options=options))
            for _ in range(channel_count)
        ]
        stubs = [ingest_service_pb2_grpc.IngestServiceStub(channel) for channel in channels]
        tasks = [asyncio.create_task(stream(stubs[number % channel_count])) for number in range(stream_count)]
        for _ in tasks:
            await begun.acquire()
        peak = service.resident_bytes()
        all_begun.set()
        await asyncio.gather(*tasks)
    return codes, max(peak, service.resident_bytes())


@pytest.mark.faults
def test_connections_that_never_get_to_the_point_are_closed_and_hold_up_nobody(
    serve: Serve, tmp_path: Path, stack: contextlib.ExitStack
) -> None:
    """F20: a byte a second, the preface and no more, half a TLS handshake, and nothing at all."""
    certificate, key = Authority(tmp_path).issue("server")
    service, with_tls = serve(), serve(tls_certificate_file=certificate, tls_key_file=key)
    plain = {begin: many(service, stack) for begin in (b"", _PREFACE[:1], _PREFACE)}
    encrypted = {begin: many(with_tls, stack) for begin in (b"", _CLIENT_HELLO[:4])}
    for begin, some in (*plain.items(), *encrypted.items()):
        for connection in some:
            connection.sendall(begin)
    connections = [connection for some in (*plain.values(), *encrypted.values()) for connection in some]
    deadline, slowest = time.monotonic() + 20, 0.0
    rest = iter(zip(_PREFACE[1:], _CLIENT_HELLO[4:], strict=False))
    while connections and time.monotonic() < deadline:
        for dripping, byte in zip((plain[_PREFACE[:1]], encrypted[_CLIENT_HELLO[:4]]), next(rest), strict=True):
            drip(dripping, byte)
        with channel_to(service.address) as channel:
            began = time.monotonic()
            ingest_service_pb2_grpc.IngestServiceStub(channel).RecordBatch(batch(steps=[step(new_id())]), timeout=5)
            slowest = max(slowest, time.monotonic() - began)
        time.sleep(1)
        connections = [connection for connection in connections if not has_ended(connection)]

    assert connections == []
    assert slowest < 2


def many(service: IngestProcess, stack: contextlib.ExitStack) -> list[socket.socket]:
    return [stack.enter_context(connect(service)) for _ in range(20)]


def drip(connections: list[socket.socket], byte: int) -> None:
    """Send one byte on each of them that is still open."""
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(bytes([byte]))


def test_a_flood_of_pings_is_told_to_calm_down(shared_service: IngestProcess) -> None:
    """F38, from a client that nothing teaches: GOAWAY, and the connection ends."""
    with connect(shared_service) as connection:
        connection.sendall(_PREFACE + _SETTINGS)
        with contextlib.suppress(OSError):
            for _ in range(20):
                connection.sendall(_PING)
                time.sleep(0.01)

        codes = [code for kind, code in frames(connection) if kind == _GOAWAY]

    assert _ENHANCE_YOUR_CALM in codes


def test_a_client_that_pings_too_often_backs_off_and_is_served_again(shared_service: IngestProcess) -> None:
    """F38, from gRPC's client with a keepalive of a second: after GOAWAY it doubles its interval."""
    impatient = [
        ("grpc.keepalive_time_ms", 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(shared_service.address, impatient) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        channel.subscribe(states.append)
        stub.RecordBatch(batch(steps=[step(new_id())]), timeout=5)
        wait_until(lambda: grpc.ChannelConnectivity.READY in states, "it is connected")
        ready = states.index(grpc.ChannelConnectivity.READY)
        wait_until(lambda: len(states) > ready + 1, "the server has closed the connection", 15)

        answer = stub.RecordBatch(batch(steps=[step(new_id())]), timeout=5)

        assert answer.counts.steps.accepted == 1


def test_a_reader_of_ours_that_only_waits_never_pings_too_often() -> None:
    from agenttrace.channel import READER_OPTIONS
    from agenttrace_server.grpc_options import options_of

    server = dict(options_of(config_for("")))

    assert dict(READER_OPTIONS)["grpc.keepalive_time_ms"] > server["grpc.http2.min_ping_interval_without_data_ms"]


@pytest.mark.faults
def test_uploads_and_watches_outlive_their_connections(database_url: str) -> None:
    """F37: connections that get a second old, and a second for what is still open on them."""
    settings = {"connection_age_seconds": 1.0, "connection_age_grace_seconds": 1.0}
    seen: set[str] = set()
    recorded: set[str] = set()
    done = threading.Event()
    with running(config_for(database_url, **settings)) as services:
        tracer = agenttrace.Tracer("support", endpoint=services.ingest_address, api_key="")

        def record() -> None:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                with tracer.run() as run:
                    recorded.add(run.run_id)
                time.sleep(0.1)
            tracer.flush(10)
            with contextlib.suppress(AssertionError):
                wait_until(lambda: recorded <= seen, "the watch has seen them all", 10)
            done.set()
            with tracer.run():
                pass  # for the watch to notice

        def watch() -> None:
            with agenttrace.QueryClient(services.query_address, "") as client:
                for event in client.watch():
                    seen.add(event.run.run_id)
                    if done.is_set():
                        return

        at_once([record, watch])
        receipt = tracer.close(10)

    assert len(recorded) > 10
    assert recorded <= seen
    assert (receipt.dropped, receipt.rejected) == (0, 0)


def test_metadata_beyond_its_limit_is_refused_and_below_it_is_not(shared_service: IngestProcess) -> None:
    with channel_to(shared_service.address) as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        for size, code in ((15_000, None), (17_000, grpc.StatusCode.RESOURCE_EXHAUSTED)):
            for _ in range(5):
                metadata = (("x-filler", "x" * size),)
                assert code_of(stub, metadata) is code


def code_of(
    stub: ingest_service_pb2_grpc.IngestServiceStub, metadata: tuple[tuple[str, str], ...]
) -> grpc.StatusCode | None:
    try:
        stub.RecordBatch(pb.RecordBatchRequest(steps=[step(new_id())]), metadata=metadata, timeout=10)
    except grpc.RpcError as error:
        return error.code()
    return None


def test_a_connection_takes_a_bounded_number_of_streams(shared_service: IngestProcess) -> None:
    with connect(shared_service) as connection:
        connection.sendall(_PREFACE + _SETTINGS)
        header = connection.recv(9)
        size, kind = int.from_bytes(header[:3], "big"), header[3]
        settings = dict(struct.iter_unpack(">HI", connection.recv(size)))

    assert kind == 4
    assert settings[3] == 10_000  # SETTINGS_MAX_CONCURRENT_STREAMS


def connect(service: IngestProcess) -> socket.socket:
    host, _, port = service.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def has_ended(connection: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def frames(connection: socket.socket) -> Iterator[tuple[int, int]]:
    """The kinds of the frames until the connection ends; with a GOAWAY its error code."""
    received = b""
    with contextlib.suppress(OSError):
        while some := connection.recv(65536):
            received += some
    while len(received) >= 9:
        size, kind = int.from_bytes(received[:3], "big"), received[3]
        payload, received = received[9 : 9 + size], received[9 + size :]
        yield kind, int.from_bytes(payload[4:8], "big") if kind == _GOAWAY else 0
