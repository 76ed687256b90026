"""Reads the operator's catalogue of failure codes."""

from __future__ import annotations

from agenttrace_server.read_records import CatalogueEntry
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("catalogue.sql")


class CatalogueStore:
    """The catalogue, the same for every project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> list[CatalogueEntry]:
        """Return all entries by type and code."""
        async with self._database.transaction() as connection:
            return await fetch(connection, CatalogueEntry, _SQL["entries"], {})
