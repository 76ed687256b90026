"""What the metrics ask of agents: which there are, and what they are at."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from agenttrace_server import limits
from agenttrace_server.records import AgentActivity
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database, fetch
from agenttrace_server.store.reads import fetch as fetch_rows

_SQL = statements.load("agents.sql")
_SINCE: Final = timedelta(days=7)
# Of a project; far more than have metrics of their own.
_LIMIT: Final = 1000
_DEFAULT_LEASE: Final = timedelta(seconds=limits.LEASE_SECONDS_DEFAULT)


class AgentStore:
    """The agents of all projects. Of its questions the ingest role may ask the first two, the maintain role the last.

    All raise StoreUnavailable, Overloaded and QueryTooExpensive.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, limit: int) -> list[tuple[str, str]]:
        """Return the projects and names of the agents of the last 7 days, at most `limit`, the latest first."""
        async with self._database.transaction("find_agents") as connection:
            rows = await fetch(connection, _SQL["recent"], {"since": _SINCE, "limit": limit})
        return [(project, agent_id) for project, agent_id in rows]

    async def project_name(self, project_id: int) -> str:
        """Return a project's name, "" where there is none."""
        async with self._database.transaction("find_project") as connection:
            ((name,),) = await fetch(connection, _SQL["project_name"], {"project_id": project_id})
        return name or ""

    async def measure(self) -> list[AgentActivity]:
        """Return what the agents are at that ran in the last 7 days or are running, the latest first."""
        parameters = {"default_lease": _DEFAULT_LEASE, "since": _SINCE, "limit": _LIMIT}
        async with self._database.transaction("measure_agents") as connection:
            return await fetch_rows(connection, AgentActivity, _SQL["measure"], parameters)
