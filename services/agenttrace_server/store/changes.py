"""Reads which runs changed, in an order in which nothing is missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from agenttrace_server.read_records import ChangePosition
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("changes.sql")


class Bounds(NamedTuple):
    """How far changes may be read, the first transaction id not given out yet, when that was so, and where."""

    horizon: int
    next_xid: int
    time: int
    is_standby: bool

    @property
    def position(self) -> ChangePosition:
        """The place up to which changes may be read."""
        return ChangePosition(self.horizon, 0, self.time)


class _Change(NamedTuple):
    xid: int
    seq: int
    time: int
    run_id: UUID


@dataclass(frozen=True, slots=True)
class Changes:
    """Runs that changed, and the position that is reached with them."""

    run_ids: frozenset[UUID]
    position: ChangePosition
    # Whether there was more than could be read at once.
    more: bool


class ChangeStore:
    """The narrow table of changed runs.

    Rows are read up to the oldest running transaction: one that commits late has a place that no reader has
    passed yet, whatever its sequence number is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bounds(self, project_id: int) -> Bounds:
        """Return how far changes may be read now."""
        async with self._database.transaction("find_change_bounds", project_id) as connection:
            return await _bounds(connection)

    async def behind(self, project_id: int, position: ChangePosition, limit: int) -> Changes:
        """Return the first changes behind a position, from at most `limit` rows."""
        async with self._database.transaction("list_changes", project_id) as connection:
            bounds = await _bounds(connection)
            params = {**position._asdict(), "horizon": bounds.horizon, "limit": limit}
            rows = await fetch(connection, _Change, _SQL["behind"], params)
        more = len(rows) == limit
        reached = ChangePosition(*rows[-1][:3]) if more else bounds.position
        # A standby that takes over may be behind the server that a position comes from.
        return Changes(frozenset(row.run_id for row in rows), max(position, reached), more)


async def _bounds(connection: AsyncConnection) -> Bounds:
    return (await fetch(connection, Bounds, _SQL["bounds"], {}))[0]
