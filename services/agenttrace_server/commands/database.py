"""Finds the database that a command is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agenttrace_server import supervisor
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError


@contextmanager
def owner_url(settings: Config) -> Iterator[str]:
    """The URL of the owner: the one that is set, else that of `up` here, whether it runs or not.

    Nothing is migrated but the private database of `up`: a database of yours with another schema is refused.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with supervisor.database(settings) as url:
        yield url


def told_url(settings: Config) -> str:
    """Return the URL of the owner that is set; raise StartupError where none is."""
    if not settings.database_url:
        raise StartupError(f"no database: set {PREFIX}DATABASE_URL to the URL of its owner")
    return settings.database_url
