"""Brings a database to the schema of this release, and says which schema a database has."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import psycopg
from psycopg.conninfo import conninfo_to_dict

from agenttrace_server import bundled
from agenttrace_server.errors import StartupError
from agenttrace_server.store import statements

_SQL = statements.load("migrations.sql")
_ROLES = statements.load("roles.sql")
_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_CONNECT_TIMEOUT_SECONDS = 5
_NO_TRANSACTION = "-- no-transaction\n"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of db/migrations."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The SHA-256 of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def available() -> tuple[Migration, ...]:
    """Return the migrations of this release in their order."""
    folder = bundled.path("db/migrations")
    matches = [_FILE_NAME.fullmatch(file.name) for file in sorted(folder.iterdir())]
    return tuple(Migration(int(m[1]), m[2], (folder / m[0]).read_text()) for m in matches if m)


def expected_version() -> int:
    """Return the schema version of this release."""
    return available()[-1].version


def migrate(url: str, migrations: tuple[Migration, ...] | None = None) -> list[str]:
    """Apply what is missing, each in a transaction of its own; return the names applied.

    Raises StartupError where roles are missing, an applied file was edited, or the schema is newer.
    """
    wanted = available() if migrations is None else migrations
    with _owner(url) as connection:
        applied = _applied(connection)
        _refuse_surprises(wanted, applied)
        missing = [migration for migration in wanted if migration.version not in applied]
        for migration in missing:
            _apply(connection, migration)
    return [f"{migration.version:04}_{migration.name}" for migration in missing]


def create_roles(url: str) -> None:
    """Create the five roles where they are missing, and give the owner role its rights on the database.

    Raises StartupError where the URL's user may not.
    """
    with connect(url) as connection:
        try:
            connection.execute(_ROLES["create_roles"])
        except psycopg.errors.InsufficientPrivilege:
            raise StartupError("this database user may not create roles: run it as one who may") from None


def version(url: str) -> int:
    """Return the schema version of a database, 0 where it has none."""
    with connect(url) as connection:
        exists = connection.execute(_SQL["table_exists"]).fetchone()
        if exists is None or not exists[0]:
            return 0
        row = connection.execute(_SQL["version"]).fetchone()
        return int(row[0] or 0) if row else 0


def check_version(found: int) -> None:
    """Raise StartupError unless a database's schema version is the one of this release."""
    check_serving(found)
    if found > expected_version():
        raise StartupError(
            f"the database has schema version {found}, this release knows {expected_version()}: "
            "install a newer agenttrace-server"
        )


def check_serving(found: int) -> None:
    """Raise StartupError where a schema lacks what this release needs.

    A newer one is as good: what a release adds leaves the one before it working, which must be able to start again
    while an upgrade is under way.
    """
    if found < expected_version():
        raise StartupError(
            f"the database has schema version {found}, this release needs {expected_version()}: "
            "run `agenttrace-server migrate`"
        )


def unreachable(url: str) -> str:
    """Return a line that says which database does not answer, and no more of the URL than that."""
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the database URL can not be read: it must look like postgresql://user:password@host:5432/name"
    where = f"{known.get('dbname') or '(default)'} on {known.get('host') or '(local)'}:{known.get('port') or 5432}"
    return f"no connection to database {where}: check that it runs and that the URL's host, name, user and password fit"


@contextmanager
def connect(url: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit mode; StartupError where there is none."""
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_SECONDS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as exc:
        raise StartupError(unreachable(url)) from exc
    with connection:
        yield connection


@contextmanager
def _owner(url: str) -> Iterator[psycopg.Connection]:
    """A connection that holds the migration lock and acts as the owner of everything."""
    with connect(url) as connection:
        connection.execute(_SQL["lock"])
        row = connection.execute(_ROLES["role_exists"]).fetchone()
        if row is None or not row[0]:
            raise StartupError("the database server lacks AgentTrace's roles: run `agenttrace-server roles` first")
        connection.execute("SET ROLE agenttrace_owner")
        yield connection


def _applied(connection: psycopg.Connection) -> dict[int, str]:
    """The checksums of the applied migrations by version."""
    exists = connection.execute(_SQL["table_exists"]).fetchone()
    if exists is None or not exists[0]:
        _refuse_foreign_tables(connection)
        connection.execute(_SQL["create_table"])
    rows = connection.execute(_SQL["applied"]).fetchall()
    return {version: checksum for version, _, checksum in rows}


def _refuse_foreign_tables(connection: psycopg.Connection) -> None:
    row = connection.execute(_SQL["foreign_tables"]).fetchone()
    if row and row[0]:
        raise StartupError("the database has tables named agent_* that are not ours: use an empty database")


def _refuse_surprises(wanted: tuple[Migration, ...], applied: dict[int, str]) -> None:
    newest = max(applied, default=0)
    if newest > wanted[-1].version:
        check_version(newest)
    for migration in wanted:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise StartupError(
                f"migration {migration.version:04}_{migration.name} was edited after it was applied: "
                "restore the file; changes go into a new migration"
            )


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """Run one migration; its row first, so that two runners could never both run it."""
    row = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    if migration.sql.startswith(_NO_TRANSACTION):
        connection.execute(migration.sql)
        connection.execute(_SQL["record"], row)
        return
    with connection.transaction():
        connection.execute(_SQL["record"], row)
        connection.execute(migration.sql)
