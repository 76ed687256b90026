"""Many readers that take their time hold neither connections of the database nor memory (F42)."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import grpc
import psycopg
import pytest

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace.v1 import query_service_pb2_grpc
from faults.conftest import Serve
from faults.processes import IngestProcess, wait_until

READERS, SECONDS = 200, 8
MANY_RUNS = """
INSERT INTO agent_runs (project_id, run_id, day, is_stub, agent_id, status, start_time, tags)
SELECT 1, md5(i::text)::uuid, current_date, false, 'support', 'RUNNING', now() - i * interval '1 s',
       ARRAY(SELECT repeat('t', 100) || n FROM generate_series(1, 2) n)
FROM generate_series(1, 20000) i
"""
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'agenttrace-query' AND state <> 'idle'
"""


@pytest.mark.faults
def test_two_hundred_slow_readers_hold_no_connection_and_little_memory(
    serve: Serve, connection: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    """Each takes a chunk a second; in between one that is quick gets its answers."""
    connection.execute(MANY_RUNS)
    service = serve(name="query", pool_max_size=4, pool_timeout_seconds=60)

    memory = asyncio.run(read_slowly(service, connection))

    print(f"{memory / 2**20:.0f} MiB more than at rest")
    assert memory < 150 * 2**20
    service.assert_log_is_calm()


async def read_slowly(service: IngestProcess, connection: psycopg.Connection) -> int:
    """Read as slow readers do; the bytes of memory that it took more than at rest."""
    rest, most = service.resident_bytes(), 0
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(service.address, options=options))
            for _ in range(20)
        ]
        stubs = [query_service_pb2_grpc.QueryServiceStub(channel) for channel in channels]
        calls = [stubs[n % 20].ListRuns(pb.ListRunsRequest(page_size=100)) for n in range(READERS)]
        for _ in range(SECONDS):
            chunks = await asyncio.gather(*(call.read() for call in calls))
            assert all(len(chunk.runs) == 100 for chunk in chunks)
            await stubs[0].ListRuns(pb.ListRunsRequest(limit=1), timeout=60).read()
            await _until_nobody_uses_the_database(connection)
            most = max(most, service.resident_bytes())
            await asyncio.sleep(1)
        for call in calls:
            call.cancel()
    return most - rest


async def _until_nobody_uses_the_database(connection: psycopg.Connection) -> None:
    """The service reads ahead until the buffers of the sockets are full; then all of them wait for their readers."""

    def is_idle() -> bool:
        return connection.execute(BUSY).fetchone() == (0,)

    await asyncio.to_thread(wait_until, is_idle, "nobody uses the database", 30)
