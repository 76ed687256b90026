"""Reads which runs changed, in an order in which nothing is missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from agenttrace_server.read_records import ChangePosition
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("changes.sql")


class Bounds(NamedTuple):
    """How far changes may be read, and the first transaction id not given out yet."""

    horizon: int
    next_xid: int


class _Change(NamedTuple):
    xid: int
    seq: int
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

    Rows are read up to the oldest running transaction: one that commits late has a place that a reader has
    not passed yet, whatever its sequence number is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bounds(self, project_id: int) -> Bounds:
        """Return how far changes may be read now."""
        async with self._database.transaction(project_id) as connection:
            return (await fetch(connection, Bounds, _SQL["bounds"], {}))[0]

    async def behind(self, project_id: int, position: ChangePosition, limit: int) -> Changes:
        """Return the first changes behind a position, at most `limit` rows of them."""
        async with self._database.transaction(project_id) as connection:
            horizon = (await fetch(connection, Bounds, _SQL["bounds"], {}))[0].horizon
            params = {**position._asdict(), "horizon": horizon, "limit": limit}
            rows = await fetch(connection, _Change, _SQL["behind"], params)
        more = len(rows) == limit
        reached = ChangePosition(rows[-1].xid, rows[-1].seq) if more else ChangePosition(horizon, 0)
        return Changes(frozenset(row.run_id for row in rows), max(position, reached), more)
