"""Rows written by their owner, and the query role's stores to read them with."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from agenttrace_server.store.reads import ReadDatabase

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
def read_url(database_url: str, connection: psycopg.Connection) -> str:
    """The URL of a database whose views let listings use indexes."""
    for view in ("runs", "steps", "failures", "run_changes"):  # TODO: goes once migration 0005 makes plain views
        connection.execute(sql.SQL("ALTER VIEW api.{} RESET (security_barrier)").format(sql.Identifier(view)))
    return database_url


@pytest.fixture
def read(read_url: str) -> Callable[[Callable[[ReadDatabase], Awaitable[ResultT]]], ResultT]:
    """Runs a coroutine on a database that acts as the query role."""

    def run(act: Callable[[ReadDatabase], Awaitable[ResultT]]) -> ResultT:
        return asyncio.run(_with_database(read_url, act))

    return run


async def _with_database(url: str, act: Callable[[ReadDatabase], Awaitable[ResultT]]) -> ResultT:
    database = ReadDatabase(url, name="test", role="agenttrace_query", max_size=4, timeout_seconds=20)
    await database.open(10)
    try:
        return await act(database)
    finally:
        await database.close()
