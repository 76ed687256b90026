"""A PgBouncer between services and PostgreSQL, as docs/postgresql.md sets it up; `--pgbouncer` puts it before all."""

from __future__ import annotations

import configparser
import os
import pwd
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from agenttrace_server.store import roles
from fix_postgres import PostgresServer
from pages import block
from ports import free_port
from tools import tool

_PASSED = pytest.StashKey[int]()
_NAME = "transactions_through_pgbouncer"


class PgBouncer:
    """A PgBouncer that leads to every database of one server; few connections, so that sessions are really shared."""

    def __init__(self, folder: Path, server_url: str, *, pool_size: int) -> None:
        self._folder = folder
        self._server_url = server_url
        self._pool_size = pool_size
        self._process: subprocess.Popen[bytes] | None = None
        self._passwords = {name: secrets.token_urlsafe(16) for name in ("ingest", "query")}
        self._port = free_port()
        # Asks for its statistics, and is no role of the database.
        self._watcher = secrets.token_urlsafe(16)

    def start(self) -> None:
        """Write its files and start it; return once it answers."""
        roles.set_passwords(self._server_url, self._passwords)
        self._write_files()
        command = [tool("pgbouncer", package="pgbouncer"), str(self._folder / "pgbouncer.ini")]
        if os.geteuid() == 0:  # as whom it refuses to run
            account = pwd.getpwnam("nobody")
            for path in (*self._folder.iterdir(), self._folder):
                os.chown(path, account.pw_uid, account.pw_gid)
            command[1:1] = ["-u", account.pw_name]
        with (self._folder / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End it, and every connection through it."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)

    def settings_of(self, database_url: str) -> dict[str, str]:
        """The services' URLs to a database of the server, through the pooler and each as its own role."""
        return {f"{name}_database_url": self.url_of(database_url, name) for name in self._passwords}

    def leads_to(self, database_url: str) -> bool:
        """Whether a URL is of a database of its server."""
        told, own = conninfo_to_dict(database_url), conninfo_to_dict(self._server_url)
        return (told.get("host"), told.get("port")) == (own.get("host"), own.get("port"))

    def url_of(self, database_url: str, role: str) -> str:
        here = make_conninfo(database_url, host="127.0.0.1", port=self._port)
        return roles.url_of(here, role, self._passwords[role])

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of a SHOW command."""
        with self._console() as connection:
            cursor = connection.execute(f"SHOW {what}".encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def transactions(self) -> int:
        """How many transactions have passed through it."""
        return sum(int(row["total_xact_count"]) for row in self.show("STATS") if row["database"] != "pgbouncer")

    def _write_files(self) -> None:
        documented = configparser.ConfigParser()
        documented.read_string(block("postgresql.md", "pgbouncer.ini"))
        parts = conninfo_to_dict(self._server_url)
        config = configparser.ConfigParser()
        config["databases"] = {"*": f"host={parts['host']} port={parts['port']}"}
        config["pgbouncer"] = {
            **documented["pgbouncer"],
            "listen_port": str(self._port),
            "auth_file": str(self._folder / "userlist.txt"),
            "default_pool_size": str(self._pool_size),
            "unix_socket_dir": "",
            "stats_users": "watcher",
        }
        with (self._folder / "pgbouncer.ini").open("w") as file:
            config.write(file)
        with psycopg.connect(self._server_url) as connection:
            users = [line for (line,) in connection.execute(block("postgresql.md", "userlist").encode())]
        assert len(users) == len(self._passwords)
        (self._folder / "userlist.txt").write_text("\n".join([*users, f'"watcher" "{self._watcher}"', ""]))

    def _console(self) -> psycopg.Connection:
        url = f"postgresql://watcher:{self._watcher}@127.0.0.1:{self._port}/pgbouncer"
        # Its console knows no transactions and no extended protocol.
        return psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)

    def _wait_until_it_answers(self) -> None:
        assert self._process
        while self._process.poll() is None:
            with suppress(psycopg.OperationalError):
                self._console().close()
                return
        pytest.fail((self._folder / "pgbouncer.log").read_text())


@contextmanager
def pgbouncer(server_url: str, *, pool_size: int = 4) -> Iterator[PgBouncer]:
    """Run a PgBouncer for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        pooler = PgBouncer(Path(folder), server_url, pool_size=pool_size)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


# The pooler that the services of this process are put behind, with --pgbouncer.
_poolers: list[PgBouncer] = []


def pooled(database_url: str) -> Mapping[str, str]:
    """Settings that take the services of a database through the pooler; none without --pgbouncer."""
    leading = [pooler for pooler in _poolers if pooler.leads_to(database_url)]
    return leading[0].settings_of(database_url) if leading else {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pgbouncer", action="store_true", help="put PgBouncer between the services and PostgreSQL")


@pytest.fixture(scope="session", autouse=True)
def _pooler_of_all(request: pytest.FixtureRequest) -> Iterator[None]:
    if not request.config.getoption("--pgbouncer"):
        yield
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with pgbouncer(postgres.url) as pooler:
        _poolers.append(pooler)
        yield
        _poolers.clear()
        passed = pooler.transactions()
    assert passed > 0, "nothing has passed through PgBouncer"
    request.config.stash[_PASSED] = passed
    getattr(request.config, "workeroutput", {})[_NAME] = passed


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    passed = getattr(node, "workeroutput", {}).get(_NAME, 0)
    node.config.stash[_PASSED] = node.config.stash.get(_PASSED, 0) + passed


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    passed = config.stash.get(_PASSED, 0)
    if passed:
        terminalreporter.write_line(f"{passed} transactions of the services have passed through PgBouncer")
