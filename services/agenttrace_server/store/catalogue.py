"""Reads and writes the operator's catalogue of failure codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg.types.json import Jsonb

from agenttrace_server.read_records import CatalogueEntry
from agenttrace_server.store import audit, statements
from agenttrace_server.store.owner import owner_transaction, rows_of
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("catalogue.sql")


class CatalogueStore:
    """The catalogue, the same for every project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> list[CatalogueEntry]:
        """Return all entries by type and code."""
        async with self._database.transaction("list_failure_codes") as connection:
            return await fetch(connection, CatalogueEntry, _SQL["entries"], {})


@dataclass(frozen=True, slots=True)
class Written:
    """What an import did to the catalogue."""

    added: int
    changed: int
    removed: int


def read(url: str) -> list[CatalogueEntry]:
    """Return all entries by type and code, as the owner."""
    with owner_transaction(url) as connection:
        return rows_of(connection, CatalogueEntry, _SQL["all"], {})


def write(url: str, entries: Sequence[CatalogueEntry], *, replace: bool) -> Written:
    """Add and change entries, all or none; with `replace` remove the others."""
    listed = Jsonb([asdict(entry) for entry in entries])
    with owner_transaction(url) as connection:
        written = rows_of(connection, Written, _SQL["write"], {"entries": listed, "replace": replace})[0]
        audit.record(connection, "codes.import", "failure_codes")
    return written
