"""Says how far a replica is behind."""

from __future__ import annotations

from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database, fetch

_SQL = statements.load("replication.sql")


class ReplicationStore:
    """What a database knows of its replication; every role may ask."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lag_seconds(self) -> float | None:
        """Return how far the database is behind its primary, None where it is one itself."""
        async with self._database.transaction("find_replication_lag") as connection:
            ((seconds,),) = await fetch(connection, _SQL["lag"], {})
        return None if seconds is None else max(0.0, float(seconds))
