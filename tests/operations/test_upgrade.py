"""An upgrade of a database with data, from the schema of an earlier release, while that release serves."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest

from agenttrace_server.store import migrations
from faults.courier import cut, send_streams
from faults.health import INGEST, status
from faults.oracle import Generator, Journal, check
from faults.processes import wait_until
from fix_product import run_server
from operations.service import meanwhile, serving

# The last commit whose newest migration is this one, and what a server of it is made of.
EARLIER, COMMIT = 12, "37afb8f1e93714f1eb923398189e2dacb0189d33"
PARTS = ("services", "clients/python/src", "db/migrations")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def earlier_release(tmp_path: Path) -> str:
    """A PYTHONPATH with the server and the contract of the earlier release, taken from the history."""
    there = subprocess.run(["git", "cat-file", "-e", COMMIT], cwd=ROOT, capture_output=True, check=False)
    if there.returncode != 0:
        pytest.skip(f"the history has no commit {COMMIT} to take the earlier release from (a shallow clone?)")
    archive, folder = tmp_path / "earlier.tar", tmp_path / "earlier"
    subprocess.run(["git", "archive", "-o", str(archive), COMMIT, *PARTS], cwd=ROOT, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    newest = max(int(file.name[:4]) for file in (folder / "db" / "migrations").iterdir())
    assert newest == EARLIER
    return f"{folder / 'services'}:{folder / 'clients/python/src'}"


def test_a_database_of_an_earlier_schema_is_migrated_under_load(
    empty_database_url: str, earlier_release: str, make: Generator, journal: Journal, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = empty_database_url
    migrations.create_roles(url)
    migrations.migrate(url, tuple(m for m in migrations.available() if m.version <= EARLIER))
    before, under_load, after = make.runs(40), make.runs(200), make.runs(10)
    streams = cut(make.messages(under_load, sizes=(5, 40)), 4)
    with monkeypatch.context() as earlier:
        earlier.setenv("PYTHONPATH", earlier_release)
        with serving(tmp_path / "old", url) as old:
            assert send_streams(old.address, cut(make.messages(before), 4), journal) == []
            earlier.delenv("PYTHONPATH")
            with meanwhile(lambda: _send(old.address, streams, journal)):
                done = run_server("migrate", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=url)
            assert done.returncode == 0, done.stderr
            assert done.stdout.count("\n") == migrations.expected_version() - EARLIER
            wait_until(lambda: status(old.address, INGEST) == "SERVING", "the earlier release still serves")
            # That one refuses to start on a newer schema; that this one does not is told by F43.
            assert send_streams(old.address, cut(make.messages(after), 4), journal) == []
            old.assert_log_is_calm()
    with serving(tmp_path / "new", url) as new, Journal(tmp_path / "resent") as resent:
        everything = [*before, *under_load, *after]
        assert send_streams(new.address, cut(make.messages(everything), 8), resent) == []
        assert sum(resent.accepted.values()) == 0
        new.assert_log_is_calm()

    assert journal.errors == []
    with psycopg.connect(url, autocommit=True) as connection:
        check(connection, everything, journal, complete=True)


def _send(address: str, streams: object, journal: Journal) -> None:
    assert send_streams(address, streams, journal) == []  # type: ignore[arg-type]
