"""A service to hurt, and what a test needs to judge it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from agenttrace_server.embedded import EmbeddedPostgres
from faults import oracle
from faults.oracle import Generator, Journal
from faults.processes import IngestProcess
from fix_postgres import PostgresServer

Serve = Callable[..., IngestProcess]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The test's own dice; pytest shows the seed where it fails."""
    print(f"AGENTTRACE_FAULT_SEED={oracle.SEED}")
    return oracle.dice(request.node.name)


@pytest.fixture
def make(chance: random.Random) -> Generator:
    return Generator(chance)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal") as opened:
        yield opened


@pytest.fixture
def serve(tmp_path: Path, database_url: str) -> Iterator[Serve]:
    """Starts services in processes of their own, on the test's database unless told another."""
    with ExitStack() as stack:
        folders = iter(range(100))

        def start(**settings: object) -> IngestProcess:
            folder = tmp_path / f"ingest-{next(folders)}"
            folder.mkdir()
            url = str(settings.pop("database_url", database_url))
            return stack.enter_context(IngestProcess(folder, url, **settings))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def service(serve: Serve) -> IngestProcess:
    return serve()


@pytest.fixture(scope="session")
def shared_database_url(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.create(template=postgres.template)
    yield postgres.url_of(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def shared_service(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestProcess]:
    """One service for all tests of a process that only send to it: a start takes a second."""
    with IngestProcess(tmp_path_factory.mktemp("shared"), shared_database_url) as started:
        yield started


@pytest.fixture
def shared_connection(shared_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shared_database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL to crash, which writes as durably as one in production."""
    binaries = os.environ.get("AGENTTRACE_TEST_POSTGRES")
    with EmbeddedPostgres(tmp_path / "own", binaries=Path(binaries) if binaries else None) as server:
        yield server
