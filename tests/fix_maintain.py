"""What the maintain process does, done once from a test that is no coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from agenttrace_server import maintain
from agenttrace_server.store.maintenance import MaintenanceStore
from agenttrace_server.store.pool import Database
from agenttrace_server.store.retention import RetentionStore
from agenttrace_server.store.rollups import RollupStore

_Result = TypeVar("_Result")
RETENTION_DAYS = 90
TODAY = datetime.now(UTC).date()
LAST_KEPT = TODAY - timedelta(days=RETENTION_DAYS + 1)


def with_stores(url: str, act: Callable[[maintain.Stores], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run `act` on stores that act as the maintain role."""

    async def run() -> _Result:
        database = Database(url, name="test", role="agenttrace_maintain", max_size=4, timeout_seconds=20)
        await database.open(10)
        try:
            return await act(
                maintain.Stores(MaintenanceStore(database), RetentionStore(database), RollupStore(database))
            )
        finally:
            await database.close()

    return asyncio.run(run())


def maintainer(stores: maintain.Stores) -> maintain.Maintainer:
    return maintain.Maintainer(stores, retention=timedelta(days=RETENTION_DAYS), watch_retention=timedelta(hours=6))


def maintain_once(url: str) -> dict[str, int]:
    """Do everything that maintain does, once."""

    async def once(stores: maintain.Stores) -> dict[str, int]:
        return await maintainer(stores).once()

    return with_stores(url, once)


def create_partitions(connection: psycopg.Connection, days_ago: int) -> None:
    """Create the partitions of a day that is past."""
    day = TODAY - timedelta(days=days_ago)
    for parent in ("agent_steps", "agent_failures"):
        connection.execute("SET ROLE agenttrace_owner")
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(f"{parent}_{day:%Y%m%d}"),
                sql.Identifier(parent),
                sql.Literal(day),
                sql.Literal(day + timedelta(days=1)),
            )
        )
        connection.execute("RESET ROLE")


def make_older(connection: psycopg.Connection, run_id: str, days_ago: int) -> None:
    """Let a run be one that was first seen some days ago; its partitions exist."""
    day = TODAY - timedelta(days=days_ago)
    with connection.transaction():
        for table in ("agent_runs", "agent_steps", "agent_failures"):
            statement = sql.SQL("UPDATE {} SET day = %s WHERE run_id = %s").format(sql.Identifier(table))
            connection.execute(statement, (day, run_id))


def partitions(connection: psycopg.Connection) -> list[str]:
    """The tables of steps and failures of past days, attached or not."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^agent_(steps|failures)_[0-9]{8}$' "
        "AND right(relname, 8) < %s ORDER BY relname",
        (f"{TODAY:%Y%m%d}",),
    ).fetchall()
    return [name for (name,) in rows]
