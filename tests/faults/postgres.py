"""A PostgreSQL that is stopped and started under the services."""

from __future__ import annotations

import os
import signal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from agenttrace_server.embedded import EmbeddedPostgres


def host_and_port(url: str) -> tuple[str, int]:
    parts = conninfo_to_dict(url)
    return str(parts["host"]), int(str(parts["port"]))


def answers(url: str) -> bool:
    """Whether a database takes connections."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def stop_at_once(server: EmbeddedPostgres) -> None:
    """As `pg_ctl stop -m immediate`."""
    pid = int((server.data_directory / "pgdata" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    server.stop()
