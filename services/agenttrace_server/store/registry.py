"""The names that a project in registry mode accepts: the ingest service asks for them, the owner keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from agenttrace_server import limits
from agenttrace_server.errors import QueryTooExpensive, StartupError, StoreUnavailable
from agenttrace_server.store import audit, statements
from agenttrace_server.store.owner import owner_transaction, rows_of
from agenttrace_server.store.pool import Database, fetch

KINDS: Final = (
    *("agent", "step", "tool", "model", "version", "environment", "provider", "source", "finish_reason"),
    *("code", "exception", "tag", "attribute", "value"),
)
_SQL = statements.load("registry.sql")


class RegistryStore:
    """Registered names, a project's at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, project_id: int) -> Mapping[str, frozenset[str]] | None:
        """Return a project's names by kind; None where it accepts any. Raises StoreUnavailable and Overloaded."""
        try:
            async with self._database.transaction("find_registered_names") as connection:
                rows = await fetch(connection, _SQL["find"], {"project_id": project_id})
        except QueryTooExpensive as exc:
            # It takes no time: the database is in trouble, and the call is not to blame.
            raise StoreUnavailable from exc
        if not rows or not rows[0][0]:
            return None
        _, kinds, names = rows[0]
        listed = list(zip(kinds, names, strict=True))
        return {kind: frozenset(name for of, name in listed if of == kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """One entry of a project's registry."""

    kind: str
    name: str


def set_mode(url: str, project: str, *, is_enabled: bool) -> None:
    """Turn a project's registry mode on or off."""
    with _project(url, project, "registry.enable" if is_enabled else "registry.disable") as (connection, _):
        connection.execute(_SQL["set_mode"], {"project": project, "is_enabled": is_enabled})


def add(url: str, project: str, kind: str, names: Sequence[str]) -> int:
    """Register names; return how many are new. Raises StartupError where one is no token."""
    if not all(map(limits.TOKEN.fullmatch, names)):
        raise StartupError("a name is no token: letters, digits and ._:/@+|-, no space, at most 128")
    return _change(url, project, "add", {"kind": kind, "names": list(names)})


def remove(url: str, project: str, kind: str, names: Sequence[str]) -> int:
    """Remove names; return how many there were."""
    return _change(url, project, "remove", {"kind": kind, "names": list(names)})


def learn(url: str, project: str) -> int:
    """Register the names of everything the project has stored; return how many are new."""
    return _change(url, project, "learn", {})


def entries(url: str, project: str, kind: str | None) -> list[RegisteredName]:
    """Return a project's registered names, of one kind or all."""
    with owner_transaction(url) as connection:
        parameters = {"project_id": _find(connection, project), "kind": kind}
        return rows_of(connection, RegisteredName, _SQL["list"], parameters)


def _change(url: str, project: str, action: str, parameters: Mapping[str, object]) -> int:
    with _project(url, project, f"registry.{action}") as (connection, project_id):
        return connection.execute(_SQL[action], {"project_id": project_id, **parameters}).rowcount


@contextmanager
def _project(url: str, project: str, action: str) -> Iterator[tuple[psycopg.Connection, int]]:
    """A transaction of the owner on a project, recorded in the audit log."""
    with owner_transaction(url) as connection:
        yield connection, _find(connection, project)
        audit.record(connection, action, f"project:{project}")


def _find(connection: psycopg.Connection, project: str) -> int:
    row = connection.execute(_SQL["project"], {"project": project}).fetchone()
    if row is None:
        raise StartupError(f"there is no project {project}: see `agenttrace-server projects list`")
    return int(row[0])
