"""Looks up one API key, as the services may."""

from __future__ import annotations

from agenttrace_server.errors import QueryTooExpensive, StoreUnavailable
from agenttrace_server.records import StoredKey
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("keys.sql")


class KeyStore:
    """The keys, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, live or not; raise StoreUnavailable and Overloaded."""
        try:
            async with self._database.transaction("find_api_key") as connection:
                found = await fetch(connection, StoredKey, _SQL["find"], {"key_id": key_id})
        except QueryTooExpensive as exc:
            # One row by its key takes no time: the database is in trouble, and the call is not to blame.
            raise StoreUnavailable from exc
        return found[0] if found else None
