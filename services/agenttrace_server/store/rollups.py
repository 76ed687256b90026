"""Computes hourly statistics of hours that are over and were changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database, fetch

_SQL = statements.load("rollups.sql")


class ProjectHour(NamedTuple):
    """The runs of a project that started in one hour."""

    project_id: int
    hour: datetime


class RollupStore:
    """The hourly statistics, as the maintain process writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def dirty_hours(self, *, quiet: timedelta, patience: timedelta, limit: int) -> list[ProjectHour]:
        """Return hours to compute, latest first: unchanged for `quiet`, or waiting for `patience`."""
        parameters = {"quiet": quiet, "patience": patience, "limit": limit}
        async with self._database.transaction("find_dirty_hours") as connection:
            return [ProjectHour(*row) for row in await fetch(connection, _SQL["dirty_hours"], parameters)]

    async def roll_up(self, hour: ProjectHour) -> bool:
        """Compute an hour anew; return False where that was not needed, or another process is at it."""
        async with self._database.transaction("roll_up") as connection:
            await connection.execute(_SQL["patiently"])
            ((computed,),) = await fetch(connection, _SQL["roll_up"], hour._asdict())
        return bool(computed)

    async def trim_marks(self) -> int:
        """Forget marks of changed hours that others make superfluous; return how many."""
        async with self._database.transaction("trim_marks") as connection:
            ((count,),) = await fetch(connection, _SQL["trim_marks"], {})
        return int(count)
