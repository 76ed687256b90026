"""A service to hurt, and what a test needs to judge it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faults import oracle
from faults.oracle import Generator, Journal
from faults.processes import IngestProcess

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
    """Starts ingest services in processes of their own, on the test's database unless told another."""
    with ExitStack() as stack:
        folders = iter(range(100))

        def start(**settings: object) -> IngestProcess:
            folder = tmp_path / f"ingest-{next(folders)}"
            folder.mkdir()
            url = str(settings.pop("database_url", database_url))
            return stack.enter_context(IngestProcess(folder, url, **settings))

        yield start


@pytest.fixture
def service(serve: Serve) -> IngestProcess:
    return serve()
