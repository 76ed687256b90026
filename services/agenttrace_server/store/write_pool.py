"""The pool of the ingest service: its transactions run in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from agenttrace_server.store import statements
from agenttrace_server.store.errors import store_errors
from agenttrace_server.store.pool import Took, pool_settings, timed

_SQL = statements.load("pool.sql")
_Result = TypeVar("_Result")


class WriteDatabase:
    """A pool whose transactions run in threads, as many as connections.

    A transaction takes seven answers of the database. On the event loop each would wait until the messages at hand are
    converted, milliseconds, with the database idle; a thread goes on within the interpreter's switch interval.
    Arguments as of Database.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        role: str | None,
        max_size: int,
        timeout_seconds: float,
        took: Took = lambda _operation, _seconds: None,
    ) -> None:
        self._took = took
        self._settings = {"timeout": str(int(timeout_seconds * 1000)), "project_id": ""}
        self.pool = ConnectionPool(**pool_settings(url, name, role, max_size, timeout_seconds))
        self._threads = ThreadPoolExecutor(max_size, thread_name_prefix=name)
        self._busy: set[Connection] = set()

    async def open(self, wait_seconds: float) -> None:
        """Open the pool and wait for its first connection; raise StoreUnavailable where there is none."""
        with store_errors():
            await asyncio.to_thread(self.pool.open, wait=True, timeout=wait_seconds)

    async def close(self) -> None:
        """Close the pool; what is still running is cancelled, for nobody waits for it."""
        for connection in list(self._busy):
            with suppress(psycopg.Error):
                await asyncio.to_thread(connection.cancel)
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self.pool.close)

    async def run(self, act: Callable[[Connection], _Result]) -> _Result:
        """Return what `act` does in a transaction of its own, once it is committed.

        Raises StoreUnavailable, Overloaded and QueryTooExpensive.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, act)

    def _run(self, act: Callable[[Connection], _Result]) -> _Result:
        with store_errors(), self.pool.connection() as connection:
            self._busy.add(connection)
            try:
                with timed(self._took, "write"), connection.transaction():
                    connection.execute(_SQL["begin"], self._settings)
                    return act(connection)
            finally:
                self._busy.discard(connection)


def fetch(connection: Connection, statement: str, parameters: Mapping[str, object]) -> list[TupleRow]:
    """Run a statement; return its rows."""
    return connection.execute(statement, parameters).fetchall()
