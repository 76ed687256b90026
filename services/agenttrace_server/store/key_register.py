"""The register of API keys, as the owner keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from agenttrace_server import limits
from agenttrace_server.api_keys import ApiKey, Peppers, new_key
from agenttrace_server.errors import StartupError
from agenttrace_server.store import audit, statements
from agenttrace_server.store.owner import owner_transaction, rows_of

_SQL = statements.load("keys.sql")


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """What is known of a key. `state`: live, expired or revoked; `pepper_id`: the pepper it is hashed under."""

    key_id: str
    project: str
    name: str
    scopes: list[str]
    pepper_id: str
    create_time: datetime
    expire_time: datetime | None
    revoke_time: datetime | None
    state: str


def create(
    url: str, peppers: Peppers, project: str, name: str, scopes: Sequence[str], expires_in: timedelta | None
) -> tuple[ApiKey, RegisteredKey]:
    """Create a key and return it, this once, with what is known of it from now on; raise StartupError."""
    if not limits.TOKEN.fullmatch(name):
        raise StartupError("a key's name is a token: letters, digits and . _ : / @ + | -, no spaces, 128 at most")
    key = new_key()
    values = {
        "project": project,
        "name": name,
        "key_id": key.key_id,
        "scopes": list(scopes),
        "expire_seconds": expires_in and expires_in.total_seconds(),
        **peppers.hashed(key.text)._asdict(),
    }
    with owner_transaction(url) as connection:
        _refuse_strange_peppers(connection, peppers)
        if connection.execute(_SQL["create"], values).rowcount == 0:
            raise StartupError(f"there is no project {project}: `agenttrace-server projects create {project}`")
        audit.record(connection, "key.create", f"key:{key.key_id}")
        return key, _entry(connection, key.key_id)


def revoke(url: str, key_id: str) -> RegisteredKey:
    """Revoke a key, if it is not yet; raise StartupError where there is none."""
    with owner_transaction(url) as connection:
        if connection.execute(_SQL["revoke"], {"key_id": key_id}).rowcount:
            audit.record(connection, "key.revoke", f"key:{key_id}")
        return _entry(connection, key_id)


def entries(url: str, project: str | None = None) -> list[RegisteredKey]:
    """Return the keys of a project, or of all, in the order in which they were created."""
    with owner_transaction(url) as connection:
        return rows_of(connection, RegisteredKey, _SQL["list"], {"project": project, "key_id": None})


def _entry(connection: psycopg.Connection, key_id: str) -> RegisteredKey:
    found = rows_of(connection, RegisteredKey, _SQL["list"], {"project": None, "key_id": key_id})
    if not found:
        raise StartupError(f"there is no key {key_id}: see `agenttrace-server keys list`")
    return found[0]


def _refuse_strange_peppers(connection: psycopg.Connection, peppers: Peppers) -> None:
    """Refuse a pepper that the services can not have: the key would never be let in."""
    live = {pepper_id for (pepper_id,) in connection.execute(_SQL["live_peppers"])}
    if live and not live & set(peppers.ids):
        raise StartupError(
            "the keys of this database were made under another pepper: set AGENTTRACE_SERVER_KEY_PEPPER, and while "
            "it is replaced AGENTTRACE_SERVER_KEY_PEPPER_PREVIOUS, as the services have them"
        )
