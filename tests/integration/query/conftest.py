"""Rows written by their owner, and the query role's stores to read them with."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import grpc.aio
import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from agenttrace.v1 import query_service_pb2_grpc
from agenttrace_server.interceptors.error_status import ErrorStatus
from agenttrace_server.query.follow import Follower
from agenttrace_server.query.page_token import PageTokens
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.query.servicer import QueryServicer, Stores
from agenttrace_server.query.watch import WatchHub
from agenttrace_server.store.catalogue import CatalogueStore
from agenttrace_server.store.changes import ChangeStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore

ResultT = TypeVar("ResultT")
PROJECT = 1
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Rows:
    """Writes straight into the tables; the triggers count. Times are seconds after BEGIN."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._numbers = itertools.count()

    def at(self, seconds: float) -> datetime:
        return BEGIN + timedelta(seconds=seconds)

    def run(self, start: float | None = None, *, seconds: float | None = 60, **columns: Any) -> UUID:
        """A run that took so many seconds; None: it has not ended."""
        begin = BEGIN + timedelta(seconds=next(self._numbers) if start is None else start)
        end = None if seconds is None else begin + timedelta(seconds=seconds)
        row = {"project_id": PROJECT, "run_id": uuid4(), "is_stub": False, "agent_id": "support", "status": "SUCCESS"}
        row |= {"start_time": begin, "end_time": end}
        if seconds is None:
            row["status"] = "RUNNING"
        return self._insert("agent_runs", "run_id", row | columns)

    def step(self, run_id: UUID, start: float = 0, *, seconds: float = 1, **columns: Any) -> UUID:
        begin = BEGIN + timedelta(seconds=start)
        row = {"project_id": PROJECT, "run_id": run_id, "step_id": uuid4(), "sequence": 0, "type": "TOOL"}
        row |= {"name": "lookup", "status": "OK", "attempt": 1}
        row |= {"start_time": begin, "end_time": begin + timedelta(seconds=seconds)}
        return self._insert("agent_steps", "step_id", row | columns)

    def failure(self, run_id: UUID, step_id: UUID | None = None, occur: float = 0, **columns: Any) -> UUID:
        row = {"project_id": PROJECT, "run_id": run_id, "failure_id": uuid4(), "step_id": step_id, "type": "TOOL"}
        row |= {"code": "timeout", "occur_time": BEGIN + timedelta(seconds=occur)}
        return self._insert("agent_failures", "failure_id", row | columns)

    def change(self, *run_ids: UUID, connection: psycopg.Connection | None = None) -> None:
        """Tell watches of the runs."""
        for run_id in run_ids:
            row = {"project_id": PROJECT, "run_id": run_id}
            (connection or self.connection).execute(
                "INSERT INTO run_changes (project_id, run_id) VALUES (%(project_id)s, %(run_id)s)", row
            )

    def _insert(self, table: str, key: str, row: dict[str, Any]) -> UUID:
        row = {"day": datetime.now(UTC).date()} | row
        values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in row.items()}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        )
        self.connection.execute(statement, values)
        found: UUID = row[key]
        return found


@pytest.fixture
def rows(connection: psycopg.Connection) -> Rows:
    return Rows(connection)


@pytest.fixture
def read(database_url: str) -> Callable[[Callable[[ReadDatabase], Awaitable[ResultT]]], ResultT]:
    """Runs a coroutine on a database that acts as the query role."""

    def run(act: Callable[[ReadDatabase], Awaitable[ResultT]]) -> ResultT:
        return asyncio.run(_with_database(database_url, act))

    return run


@dataclass
class Serving:
    """A real server with the query service, and a stub on a channel to it."""

    query: query_service_pb2_grpc.QueryServiceStub
    database: ReadDatabase
    hub: WatchHub
    server: grpc.aio.Server


Serve = Callable[..., ResultT]


@pytest.fixture
def serve(read: Any) -> Serve[Any]:
    """Runs a coroutine beside a query service on a loopback socket."""

    def run(act: Callable[[Serving], Awaitable[ResultT]], **options: Any) -> ResultT:
        async def beside(database: ReadDatabase) -> ResultT:
            async with _serving(database, **options) as serving, asyncio.timeout(60):
                return await act(serving)

        found: ResultT = read(beside)
        return found

    return run


@asynccontextmanager
async def _serving(database: ReadDatabase, **options: Any) -> AsyncIterator[Serving]:
    hub = WatchHub(ChangeStore(database), poll_seconds=0.05)
    server = grpc.aio.server(interceptors=[ErrorStatus()])
    servicer = _servicer(database, hub, **options)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await hub.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Serving(query_service_pb2_grpc.QueryServiceStub(channel), database, hub, server)
    finally:
        await hub.stop()
        await server.stop(1)


def _servicer(
    database: ReadDatabase, hub: WatchHub, *, checkpoint_seconds: float = 15.0, keep: timedelta = timedelta(hours=6)
) -> QueryServicer:
    runs = RunStore(database)
    stores = Stores(
        runs=runs,
        run_details=RunDetailStore(database),
        steps=StepStore(database),
        failures=FailureStore(database),
        stats=StatsStore(database),
        catalogue=CatalogueStore(database),
    )
    follower = Follower(hub, ChangeStore(database), runs, checkpoint_seconds=checkpoint_seconds)
    key = b"a key of tests"
    return QueryServicer(stores, PageTokens(key), ResumeTokens(key, keep=keep), follower, project_of=lambda _: PROJECT)


async def _with_database(url: str, act: Callable[[ReadDatabase], Awaitable[ResultT]]) -> ResultT:
    database = ReadDatabase(url, name="test", role="agenttrace_query", max_size=4, timeout_seconds=20)
    await database.open(10)
    try:
        return await act(database)
    finally:
        await database.close()
