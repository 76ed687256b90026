"""Loads the sample data of db/seed.sql."""

from __future__ import annotations

import psycopg

from agenttrace_server import bundled
from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations

_COUNT = "SELECT count(*) FROM agent_runs WHERE session_id LIKE 'sample-%'"


def load(url: str) -> int:
    """Load the sample data; return how many sample runs the database then has. Safe to run again.

    Raises StartupError where the database has another schema than the one of this release, or its user may not.
    """
    migrations.check_version(migrations.version(url))
    with migrations.connect(url) as connection, connection.transaction():
        try:
            connection.execute(bundled.path("db/seed.sql").read_text())
        except psycopg.errors.InsufficientPrivilege:
            raise StartupError(
                "this database user may not load the sample data: use one who may write and create temporary tables"
            ) from None
        row = connection.execute(_COUNT).fetchone()
    return int(row[0]) if row else 0
