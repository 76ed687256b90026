"""Lets the database roles log in, each with a password and a URL of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations, statements

_SQL = statements.load("roles.sql")
PURPOSES: Mapping[str, str] = {
    "owner": "owns everything: migrations, projects, keys, audit",
    "ingest": "writes runs, steps and failures; reads nothing",
    "query": "reads the views of schema api; writes nothing",
    "maintain": "partitions, retention, rollups; may become the owner",
    "grafana": "reads the views of schema grafana",
}


@dataclass(frozen=True, slots=True)
class Role:
    """A database role. `can_login`: it has been given a way in of its own."""

    role: str
    can_login: bool
    purpose: str = ""


def statement() -> str:
    """Return what creates the roles, for whoever runs statements by hand."""
    return _SQL["create_roles"]


def entries(url: str) -> list[Role]:
    """Return the roles that there are."""
    with migrations.connect(url) as connection:
        found = connection.cursor(row_factory=class_row(Role)).execute(_SQL["entries"]).fetchall()
    return [Role(r.role, r.can_login, PURPOSES[r.role.removeprefix("agenttrace_")]) for r in found]


def set_passwords(url: str, passwords: Mapping[str, str]) -> None:
    """Let roles, by their names without the prefix, log in with these passwords; raise StartupError.

    The server gets them hashed, so that no log of its statements can hold them.
    """
    with migrations.connect(url) as connection, connection.transaction():
        for name, password in passwords.items():
            role = f"agenttrace_{name}"
            hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            _execute(
                connection,
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)),
            )


def grant_all(url: str, user: str) -> None:
    """Let a user of yours act as every role, so that one URL serves all processes; raise StartupError."""
    with migrations.connect(url) as connection, connection.transaction():
        roles = sql.SQL(", ").join(sql.Identifier(f"agenttrace_{name}") for name in PURPOSES)
        _execute(connection, sql.SQL("GRANT {} TO {}").format(roles, sql.Identifier(user)))


def url_of(owner_url: str, name: str, password: str) -> str:
    """Return the URL by which a role reaches the database that the owner's URL names."""
    known = {key: str(value) for key, value in conninfo_to_dict(owner_url).items() if value is not None}
    database = known.pop("dbname", "")
    for key in ("user", "password", "options"):
        known.pop(key, None)
    # Host and port as parameters: there they may be several, a folder, or an IPv6 address.
    rest = urlencode(known)
    return f"postgresql://agenttrace_{name}:{quote(password, safe='')}@/{quote(database, safe='')}?{rest}"


def _execute(connection: psycopg.Connection, statement: sql.Composed) -> None:
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        raise StartupError("this database user may not change roles: run it as one who may") from None
    except psycopg.errors.UndefinedObject:
        raise StartupError("there is no such database user: create it, or correct its name") from None
