"""Searches the whole of a database for texts that must not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
from psycopg import sql

from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations, statements

_SQL = statements.load("search.sql")


class Found(NamedTuple):
    """A text that was found, and the table it was in."""

    text: str
    table: str


def search(url: str, seed: str) -> tuple[int, list[Found]]:
    """Return how many tables there are, and what in them, or in a statement that runs, begins with the seed.

    `seed`: lower-case letters; found with the digits behind it, whatever its case, as text or as bytes. Every row of
    every table is read. Raises StartupError where the database does not answer or the URL's user may not read it.
    """
    # Columns of bytes show as hex.
    pattern = f"({re.escape(seed)}[0-9]*|{seed.encode().hex()}(?:3[0-9])*)"
    try:
        with migrations.connect(url) as connection:
            tables = connection.execute(_SQL["tables"]).fetchall()
            return len(tables), [Found(_as_text(text), place) for place, text in _finds(connection, tables, pattern)]
    except psycopg.errors.InsufficientPrivilege:
        raise StartupError("the database's user may not read every table: give the URL of its owner") from None


def _finds(connection: psycopg.Connection, tables: list[tuple[str, str]], pattern: str) -> Iterator[tuple[str, str]]:
    for schema, name in tables:
        statement = sql.SQL(_SQL["find"]).format(table=sql.Identifier(schema, name))
        for (text,) in connection.execute(statement, {"pattern": pattern}):
            yield f"{schema}.{name}", text
    for (text,) in connection.execute(_SQL["find_in_statements"], {"pattern": pattern}):
        yield "pg_stat_activity", text


def _as_text(text: str) -> str:
    """The text that was looked for, where it was found as hex."""
    try:
        return bytes.fromhex(text).decode().lower()
    except ValueError:
        return text.lower()
