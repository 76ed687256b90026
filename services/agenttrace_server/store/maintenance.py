"""What the maintain role does, one short transaction each."""

from __future__ import annotations

from datetime import timedelta

from agenttrace_server import limits
from agenttrace_server.records import AbandonedRuns
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database, fetch
from agenttrace_server.store.reads import fetch as fetch_rows

_SQL = statements.load("maintenance.sql")


class MaintenanceStore:
    """Partitions ahead, abandoned runs, changes no watch and tombstones no spool needs any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_partitions(self, days: int) -> list[str]:
        """Create the missing partitions of the next `days` days, today included; return their names."""
        async with self._database.transaction("create_partitions") as connection:
            rows = await fetch(connection, _SQL["create_partitions"], {"days": days})
        return [name for (name,) in rows]

    async def abandon_runs(self, limit: int) -> list[AbandonedRuns]:
        """Mark at most `limit` runs ABANDONED whose lease has run out; return whose they are."""
        parameters = {"default_lease": timedelta(seconds=limits.LEASE_SECONDS_DEFAULT), "limit": limit}
        async with self._database.transaction("abandon_runs") as connection:
            return await fetch_rows(connection, AbandonedRuns, _SQL["abandon_runs"], parameters)

    async def trim_changes(self, keep: timedelta) -> int:
        """Forget changes older than `keep`; return how many."""
        return await self._count("trim_changes", {"keep": keep})

    async def trim_erasures(self, keep: timedelta) -> int:
        """Forget tombstones of erasures older than `keep`; return how many."""
        return await self._count("trim_erasures", {"keep": keep})

    async def _count(self, name: str, parameters: dict[str, object]) -> int:
        async with self._database.transaction(name) as connection:
            ((count,),) = await fetch(connection, _SQL[name], parameters)
        return int(count)
