"""The register of projects, as the owner keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from agenttrace_server.errors import StartupError
from agenttrace_server.store import audit, statements
from agenttrace_server.store.owner import owner_transaction, rows_of

_SQL = statements.load("projects.sql")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Project:
    """A project: what its keys write and read, and nobody else's."""

    project_id: int
    name: str
    create_time: datetime
    live_key_count: int = 0


def create(url: str, name: str) -> Project:
    """Create a project; raise StartupError where the name is no name, or taken."""
    if not _NAME.fullmatch(name):
        raise StartupError("a project's name is 1 to 63 of a-z, 0-9 and -, and does not begin with -")
    with owner_transaction(url) as connection:
        created = rows_of(connection, Project, _SQL["create"], {"name": name})
        if not created:
            raise StartupError(f"there is a project {name} already")
        audit.record(connection, "project.create", f"project:{name}")
    return created[0]


def entries(url: str) -> list[Project]:
    """Return all projects by their names."""
    with owner_transaction(url) as connection:
        return rows_of(connection, Project, _SQL["list"], {})
