"""Loads the sample data of db/seed.sql."""

from __future__ import annotations

from agenttrace_server import bundled
from agenttrace_server.store import migrations

_COUNT = "SELECT count(*) FROM agent_runs WHERE session_id LIKE 'sample-%'"


def load(url: str) -> int:
    """Load the sample data; return how many sample runs the database then has. Safe to run again."""
    with migrations.connect(url) as connection, connection.transaction():
        connection.execute(bundled.path("db/seed.sql").read_text())
        row = connection.execute(_COUNT).fetchone()
    return int(row[0]) if row else 0
