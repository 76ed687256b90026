"""Databases for the dashboards' SQL, read as Grafana reads them: by the role itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg
from psycopg.conninfo import make_conninfo

from agenttrace_server.store import migrations, roles, sample
from dashboard_files import AllOf
from fix_postgres import PostgresServer

PASSWORD = "a password for tests"
ALL = AllOf("'__all__'")
Values = Mapping[str, str | Sequence[str]]
# What a reader sees who has chosen nothing yet.
BASE: Values = {
    "project": "default", "agent": ALL, "env": ALL, "status": ALL, "failure_type": ALL, "model": ALL, "tag": "",
    "search": "", "min_duration_s": "", "order": "newest", "limit": "500", "run_id": "", "step_id": "",
}  # fmt: skip


class GrafanaDatabases:
    """One PostgreSQL with an empty and a seeded database, and the Grafana role's connection to each."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        names = {name: server.create(f"grafana_{name}", server.template) for name in ("empty", "seeded")}
        self.urls = {name: server.url_of(database) for name, database in names.items()}
        for url in self.urls.values():
            migrations.create_roles(url)  # what it revokes of a database does not travel with a clone
        sample.load(self.urls["seeded"])
        roles.set_passwords(server.url, {"grafana": PASSWORD})

    def connect(self, name: str) -> psycopg.Connection:
        """As Grafana does: the role logs in itself, so that its settings hold; one simple query at a time."""
        url = make_conninfo(self.urls[name], user="agenttrace_grafana", password=PASSWORD)
        return psycopg.connect(url, autocommit=True, prepare_threshold=None)

    def failed_run(self) -> tuple[str, datetime]:
        """The newest run of the sample data that failed, and when it began."""
        with self.connect("seeded") as connection:
            row = connection.execute(
                "SELECT run_id::text, start_time FROM grafana.v_runs WHERE status = 'FAILURE' AND failure_count > 0 "
                "ORDER BY start_time DESC LIMIT 1"
            ).fetchone()
        assert row
        return row
