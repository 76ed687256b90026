"""What every read has in common: its transaction, its WHERE, its rows and its bounded pages."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from agenttrace_server.read_records import Page
from agenttrace_server.store import statements
from agenttrace_server.store.errors import store_errors
from agenttrace_server.store.pool import Database, timed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SQL = statements.load("reads.sql")
RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


class Placed(Protocol[PositionT]):  # type: ignore[misc]  # a property's type is covariant, Page's is not
    """A row that knows its place in a listing."""

    @property
    def position(self) -> PositionT:
        """The place."""


class ReadDatabase(Database):
    """A database whose transactions read one snapshot from their first statement to their last.

    A chunk that takes several statements would otherwise mix two states of the database.
    """

    @asynccontextmanager
    async def transaction(self, operation: str, project_id: int | None = None) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees one project through the `api` views, or none."""
        settings = {"timeout": self._timeout_ms, "project_id": "" if project_id is None else str(project_id)}
        with store_errors():
            async with self.pool.connection() as connection:
                # These say how the next BEGIN is spelt and cost no round trip.
                await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
                await connection.set_read_only(True)
                with timed(self._took, operation):
                    async with connection.transaction():
                        await connection.execute(_SQL["begin"], settings)
                        yield connection


async def fetch(connection: AsyncConnection, row: type[RowT], sql: str, params: Mapping[str, Any]) -> list[RowT]:
    """Return all rows of a statement, mapped onto `row` by name."""
    # Binary: half the time to load, for most columns are ids and times.
    cursor = connection.cursor(binary=True, row_factory=class_row(row))
    await cursor.execute(sql, params)
    return await cursor.fetchall()


async def fetch_page(
    connection: AsyncConnection,
    row: type[RowT],
    position: type[PositionT],
    page_sql: str,
    scan_end_sql: str | None,
    params: Mapping[str, Any],
    size: int,
) -> Page[RowT, PositionT]:
    """Return the first `size` rows and where the listing goes on.

    `scan_end_sql`: finds the last row that the statement may have read, where it reads a bounded number of them.
    """
    rows: list[Any] = await fetch(connection, row, page_sql, {**params, "limit": size + 1})
    if len(rows) > size:
        return Page(rows[:size], rows[size - 1].position)
    if scan_end_sql is None:
        return Page(rows, None)
    ends = await fetch(connection, position, scan_end_sql, params)
    return Page(rows, ends[0] if ends else None)


def present(selected_by: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a filter that select anything less than all, as parameters."""
    values = {f.name: getattr(selected_by, f.name) for f in dataclasses.fields(selected_by)}
    return {name: _parameter(value) for name, value in values.items() if value not in (None, (), {})}


def conjunction(clauses: Sequence[str]) -> str:
    """Return the clauses combined with AND."""
    return " AND ".join(clauses) or "true"


def _parameter(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Jsonb(dict(value))
    # psycopg turns lists into arrays and tuples into records.
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
