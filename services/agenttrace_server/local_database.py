"""The database of a command: the one that is set, else the private one that `up` keeps in the data directory.

`up` and `demo` make what is missing of it. No other command does: in a wrong folder it would find an empty database
where there should be none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from agenttrace_server import process
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.embedded import EmbeddedPostgres
from agenttrace_server.embedded.launcher import alive
from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations

_ENDPOINTS_FILE = "endpoints.json"


@contextmanager
def made_database(config: Config) -> Iterator[str]:
    """The URL of the database, made where it is missing; for `up` and `demo`.

    One that is set and empty is brought to our schema. One that has data is its owner's to migrate: StartupError.
    """
    if config.database_url:
        _prepare_foreign(config.database_url)
        yield config.database_url
    else:
        with _private_database(config) as url:
            yield url


@contextmanager
def existing_database(config: Config) -> Iterator[str]:
    """The URL of the database that is set, else of `up` here, whether it runs or not; StartupError where none is.

    A database that is set is taken as it is; the private one is brought to the schema of this release.
    """
    if config.database_url:
        yield config.database_url
    elif running := running_endpoints(config):
        yield str(running["database_url"])
    elif EmbeddedPostgres(config.data_directory).has_data():
        with _private_database(config) as url:
            yield url
    else:
        raise StartupError(
            f"there is no database in {config.data_directory.absolute()}: `agenttrace-server up` makes one; if it ran "
            f"elsewhere, go there, or set {PREFIX}DATA_DIRECTORY; for a PostgreSQL of yours set {PREFIX}DATABASE_URL"
        )


def told_url(config: Config) -> str:
    """Return the URL of the owner that is set; raise StartupError where none is."""
    if not config.database_url:
        raise StartupError(f"no database: set {PREFIX}DATABASE_URL to the URL of its owner")
    return config.database_url


def running_endpoints(config: Config) -> dict[str, Any]:
    """Return the endpoints of an `up` that runs in the data directory; nothing where none does."""
    file = config.data_directory / _ENDPOINTS_FILE
    endpoints = dict(json.loads(file.read_text())) if file.exists() else {}
    # One that was killed could not take its file away.
    return endpoints if "pid" in endpoints and alive(endpoints["pid"]) else {}


def publish(stack: ExitStack, config: Config, endpoints: Mapping[str, object]) -> None:
    """Let other commands on this machine find what this process runs, until the stack ends."""
    if config.data_directory.is_dir():
        file = config.data_directory / _ENDPOINTS_FILE
        process.write_atomically(file, json.dumps({**endpoints, "pid": os.getpid()}, indent=2))
        stack.callback(file.unlink, missing_ok=True)


@contextmanager
def _private_database(config: Config) -> Iterator[str]:
    """Run the private PostgreSQL, with our schema, for as long as the block runs."""
    with EmbeddedPostgres(config.data_directory) as postgres:
        migrations.create_roles(postgres.url)
        migrations.migrate(postgres.url)
        yield postgres.url


def _prepare_foreign(url: str) -> None:
    found = migrations.version(url)
    if found:
        migrations.check_version(found)
    else:
        migrations.create_roles(url)
        migrations.migrate(url)
