"""Connects as the owner, as the commands do that manage who may call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.rows import class_row

from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations

if TYPE_CHECKING:
    from collections.abc import Mapping

_RowT = TypeVar("_RowT")


@contextmanager
def owner_transaction(url: str) -> Iterator[psycopg.Connection]:
    """One transaction as the owner, on a database that has the schema of this release; raise StartupError."""
    with owner_connection(url) as connection, connection.transaction():
        yield connection


@contextmanager
def owner_connection(url: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit mode as the owner, otherwise the same."""
    migrations.check_version(migrations.version(url))
    with migrations.connect(url) as connection:
        try:
            connection.execute("SET ROLE agenttrace_owner")
        except psycopg.errors.InsufficientPrivilege:
            raise StartupError("this database user may not act as agenttrace_owner: use the owner's URL") from None
        yield connection


def rows_of(connection: psycopg.Connection, row: type[_RowT], sql: str, params: Mapping[str, Any]) -> list[_RowT]:
    """Return all rows of a statement, mapped onto `row` by name."""
    return connection.cursor(row_factory=class_row(row)).execute(sql, params).fetchall()
