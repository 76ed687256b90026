"""A service on a database of its own, and uploads to it beside what a test does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from agenttrace_server.store import migrations
from faults.courier import cut, send_streams
from faults.oracle import Generator, Item, Journal
from faults.processes import IngestProcess


def new_database(server: str) -> str:
    """A migrated database on a server; its owner's URL."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE agenttrace")
    url = f"{server}/agenttrace"
    migrations.create_roles(url)
    migrations.migrate(url)
    return url


@contextmanager
def serving(folder: Path, url: str, **settings: str) -> Iterator[IngestProcess]:
    folder.mkdir()
    with IngestProcess(folder, url, **settings) as service:
        yield service


def send(service: IngestProcess, make: Generator, items: list[Item], journal: Journal) -> None:
    assert send_streams(service.address, cut(make.messages(items), 4), journal) == []


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something beside the block; fail where it fails."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert errors == []
