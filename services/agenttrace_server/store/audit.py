"""The audit log: who did what to projects, keys and data; never what the data says."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import datetime

import psycopg

from agenttrace_server import limits
from agenttrace_server.store import statements
from agenttrace_server.store.owner import owner_transaction, rows_of

_SQL = statements.load("audit.sql")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `actor`: the operating system's user, as the command told it; `database_user`: whom it came as."""

    time: datetime
    actor: str
    database_user: str
    action: str
    object: str


def record(connection: psycopg.Connection, action: str, about: str) -> None:
    """Record an action, in the transaction that takes it: neither is there without the other.

    `action`: as in "key.create"; `about`: a token that names what it was done to, as in "key:abc".
    """
    connection.execute(_SQL["record"], {"actor": _actor(), "action": action, "object": about})


def entries(url: str, limit: int) -> list[AuditEntry]:
    """Return the latest entries, newest first."""
    with owner_transaction(url) as connection:
        return rows_of(connection, AuditEntry, _SQL["list"], {"limit": limit})


def _actor() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in containers
        name = ""
    return name if limits.TOKEN.fullmatch(name) else "unknown"
