"""The pool of connections, and the one way to begin a transaction on it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from agenttrace_server.store import statements
from agenttrace_server.store.errors import store_errors

_SQL = statements.load("pool.sql")
Took = Callable[[str, float], None]


@contextmanager
def timed(took: Took, operation: str) -> Iterator[None]:
    """Tell `took` how long the block took, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        took(operation, time.perf_counter() - began)


# A database whose host is gone answers nothing, not even that it is gone: the kernel would go on sending for a quarter
# of an hour, with every writer waiting. Seconds, but for the last, which is in milliseconds; the URL may say otherwise.
_NOTICING: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def pool_settings(url: str, name: str, role: str | None, max_size: int, timeout_seconds: float) -> dict[str, Any]:
    """Return what every pool is made with; see Database."""
    return {
        "conninfo": _conninfo(url, name, role),
        "open": False,
        "name": name,
        "min_size": 1,
        "max_size": max_size,
        "timeout": timeout_seconds,
        "reconnect_timeout": 5,
        # Prepared statements belong to a session, which a transaction pooler does not keep.
        "kwargs": {"autocommit": True, "prepare_threshold": None},
    }


def _conninfo(url: str, name: str, role: str | None) -> str:
    """Return how to connect; see Database."""
    told = conninfo_to_dict(url)
    own: dict[str, Any] = {key: value for key, value in _NOTICING.items() if key not in told}
    if role:
        own["options"] = f"-c role={role}"
    return make_conninfo(url, application_name=name, **own)


class Database:
    """A pool to one database, acting as one role.

    `role`: assumed at connection where the URL's own user is another (development); None where the URL
    already names it. `max_waiting`: callers that may wait for a connection; more get Overloaded. `took`: told of each
    transaction what it was for and how many seconds it took.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        role: str | None,
        max_size: int,
        timeout_seconds: float,
        max_waiting: int = 1000,
        took: Took = lambda _operation, _seconds: None,
    ) -> None:
        self._took = took
        self._timeout_ms = str(int(timeout_seconds * 1000))
        self.pool = AsyncConnectionPool(
            **pool_settings(url, name, role, max_size, timeout_seconds),
            max_waiting=max_waiting,
            # What a restart of the database or a firewall has left is found before a caller is given it.
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self, wait_seconds: float) -> None:
        """Open the pool and wait for its first connection; raise StoreUnavailable where there is none."""
        with store_errors():
            await self.pool.open(wait=True, timeout=wait_seconds)

    async def close(self) -> None:
        """Close the pool."""
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self, operation: str, project_id: int | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one project through the `api` views, or none. `operation`: what it is for.

        Raises StoreUnavailable, Overloaded and QueryTooExpensive.
        """
        settings = {"timeout": self._timeout_ms, "project_id": "" if project_id is None else str(project_id)}
        with store_errors():
            async with self.pool.connection() as connection:
                with timed(self._took, operation):
                    async with connection.transaction():
                        await connection.execute(_SQL["begin"], settings)
                        yield connection

    async def schema_version(self) -> int:
        """Return the version of the database's schema, which also shows that it answers."""
        async with self.transaction("check_schema") as connection:
            ((version,),) = await fetch(connection, _SQL["schema_version"], {})
        return int(version or 0)


async def fetch(connection: AsyncConnection, statement: str, parameters: Mapping[str, object]) -> list[TupleRow]:
    """Run a statement; return its rows."""
    return await (await connection.execute(statement, parameters)).fetchall()
