"""A private PostgreSQL for each test process, and a fresh migrated database for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agenttrace_server.embedded import EmbeddedPostgres
from agenttrace_server.store import migrations

_numbers = itertools.count()


class PostgresServer:
    """A PostgreSQL with AgentTrace's roles and a template to clone databases from."""

    def __init__(self, url: str) -> None:
        self.url = url
        migrations.create_roles(self.url_of(self.create("template_empty")))
        self.template = self.create("template_migrated")
        # The database's own grants do not travel with a clone; what the migrations make does.
        migrations.create_roles(self.url_of(self.template))
        migrations.migrate(self.url_of(self.template))

    def url_of(self, name: str) -> str:
        return make_conninfo(self.url, dbname=name)

    def create(self, name: str | None = None, template: str = "template0") -> str:
        name = name or f"test_{next(_numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, name: str) -> None:
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The test process's own PostgreSQL; AGENTTRACE_TEST_POSTGRES names a folder with other binaries."""
    binaries = os.environ.get("AGENTTRACE_TEST_POSTGRES")
    # The data of tests need not survive a power cut.
    settings = {"fsync": "off", "max_connections": "200"}
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder / "data", binaries=Path(binaries) if binaries else None, settings=settings) as server:
        yield PostgresServer(server.url)


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """The owner's URL of a fresh migrated database."""
    name = postgres.create(template=postgres.template)
    yield postgres.url_of(name)
    postgres.drop(name)


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Iterator[str]:
    """The owner's URL of a database without anything."""
    name = postgres.create()
    yield postgres.url_of(name)
    postgres.drop(name)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the test's database."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened
