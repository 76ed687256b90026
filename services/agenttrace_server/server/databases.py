"""The databases of a service: opened, of our schema, shown in its metrics."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TypeVar

from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError, StoreUnavailable
from agenttrace_server.metrics import Metrics
from agenttrace_server.store import migrations
from agenttrace_server.store.pool import Database
from agenttrace_server.store.write_pool import WriteDatabase

_DatabaseT = TypeVar("_DatabaseT", bound=Database)


async def open_database(
    stack: AsyncExitStack, config: Config, service: str, own: Metrics, *, kind: type[_DatabaseT]
) -> _DatabaseT:
    """Return the database of a service, one that answers and has the schema of this release or a newer one."""
    url, role = _url_and_role(config, service)
    database = kind(
        url,
        name=f"agenttrace-{service}",
        role=role,
        max_size=config.pool_max_size,
        timeout_seconds=config.pool_timeout_seconds,
        took=own.database.took,
    )
    await _open(stack, config, url, own, database)
    try:
        version = await database.schema_version()
        migrations.check_serving(version)
        own.schema_version.set(version)
    except StoreUnavailable as error:
        raise StartupError(migrations.unreachable(url)) from error
    return database


async def open_writing_database(stack: AsyncExitStack, config: Config, own: Metrics) -> WriteDatabase:
    """Return the database to write to: a connection for each writer, and one for the lane of the re-senders."""
    url, role = _url_and_role(config, "ingest")
    database = WriteDatabase(
        url,
        name="agenttrace-ingest-writer",
        role=role,
        max_size=min(config.pool_max_size, config.ingest_transactions + 1),
        timeout_seconds=config.pool_timeout_seconds,
        took=own.database.took,
    )
    await _open(stack, config, url, own, database)
    return database


def _url_and_role(config: Config, service: str) -> tuple[str, str | None]:
    """A URL of the service's own names its role; the common one is an owner's, who takes the role on."""
    own_url: str = getattr(config, f"{service}_database_url")
    if not own_url and not config.database_url:
        raise StartupError(
            f"no database: set AGENTTRACE_SERVER_{service.upper()}_DATABASE_URL or use `agenttrace-server up`"
        )
    return (own_url, None) if own_url else (config.database_url, f"agenttrace_{service}")


async def _open(
    stack: AsyncExitStack, config: Config, url: str, own: Metrics, database: Database | WriteDatabase
) -> None:
    stack.push_async_callback(database.close)
    try:
        await database.open(config.connect_timeout_seconds)
    except StoreUnavailable as error:
        raise StartupError(migrations.unreachable(url)) from error
    own.database.watch(database.pool)
