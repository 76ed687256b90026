"""Removes what is past the retention: runs in batches, then their steps and failures a partition at a time."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import NamedTuple

from psycopg import AsyncConnection, sql
from psycopg.errors import LockNotAvailable

from agenttrace_server.store import statements
from agenttrace_server.store.errors import store_errors
from agenttrace_server.store.pool import Database, fetch

_SQL = statements.load("retention.sql")
_log = logging.getLogger(__name__)


class _Partition(NamedTuple):
    """A partition that may go, and how far its removal has come."""

    parent: str
    name: str
    state: str

    def statement(self, name: str) -> sql.Composed:
        """Return a named statement about this partition."""
        names = {"parent": sql.Identifier(self.parent), "partition": sql.Identifier(self.name)}
        return sql.SQL(_SQL[name]).format(**names)


class RetentionStore:
    """Removes days that are past the retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete_runs(self, before: date, limit: int) -> int:
        """Delete at most `limit` runs first seen before a day; return how many."""
        async with self._database.transaction("delete_runs") as connection:
            ((count,),) = await fetch(connection, _SQL["delete_runs"], {"before": before, "limit": limit})
        return int(count)

    async def drop_partitions(self, before: date) -> int:
        """Drop partitions of days before a day that have no run left; return how many.

        What is locked for too long is left for another time, and so is everything where another process is at it.
        """
        with store_errors():
            # No transaction: DETACH … CONCURRENTLY must not be in one.
            async with self._database.pool.connection() as connection, _alone(connection) as alone:
                return await _drop_all(connection, before) if alone else 0


@asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncIterator[bool]:
    """Whether no other process removes partitions until the end of the block."""
    ((alone,),) = await fetch(connection, _SQL["lock"], {})
    try:
        yield alone
    finally:
        if alone and not connection.closed:
            await connection.execute(_SQL["unlock"])


async def _drop_all(connection: AsyncConnection, before: date) -> int:
    rows = await fetch(connection, _SQL["expired_partitions"], {"before": before})
    for dropped, row in enumerate(rows):
        partition = _Partition(*row)
        try:
            await _drop(connection, partition)
        except LockNotAvailable:
            # Half detached it is out of sight already, and in the way of the others: the next round goes on with it.
            _log.info("partition_is_locked", extra={"partition": partition.name})
            return dropped
    return len(rows)


async def _drop(connection: AsyncConnection, partition: _Partition) -> None:
    async with _as_owner(connection):
        if partition.state == "ATTACHED":
            # Running inserts and reads go on; only those that began before are waited for.
            await connection.execute(partition.statement("detach"))
        elif partition.state == "PENDING":
            await connection.execute(partition.statement("finish_detaching"))
        await connection.execute(partition.statement("drop"))


@asynccontextmanager
async def _as_owner(connection: AsyncConnection) -> AsyncIterator[None]:
    try:
        await connection.execute(_SQL["act_as_owner"])
        yield
    finally:
        if not connection.closed:
            await connection.execute(_SQL["act_as_before"])
