"""A machine on which the commands of a page are run as its reader would run them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agenttrace_server.embedded.binaries import find_binaries
from agenttrace_server.embedded.server import HOST
from fix_product import clean_environment
from ports import free_port

# What PostgreSQL refuses to run as root, or makes files for it.
_AS_SERVER = ("initdb", "postgres", "pg_ctl", "pg_basebackup", "pg_verifybackup", "cp", "touch")
_ACCOUNT = "nobody"
_SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
timezone = 'UTC'
"""


class Machine:
    """A folder, PostgreSQL's programs on the PATH, and clusters that end with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binaries = _usable_binaries()
        self._clusters: list[Path] = []
        self._shims = folder / "bin"
        self._shims.mkdir()
        if os.geteuid() == 0:
            self._make_shims()
            os.chown(folder, *_account())

    def cluster(self, name: str, settings: str = "") -> str:
        """Make and start a cluster in the folder, with more lines of its settings; return its superuser's URL."""
        port, data = free_port(), self.expect(name)
        self.run(f"initdb --pgdata={data} --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync")
        with (data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(host=HOST, port=port) + settings)
        self.run(f"pg_ctl --pgdata={data} --log={data}.log --wait start")
        return f"postgresql://postgres@{HOST}:{port}"

    def expect(self, name: str) -> Path:
        """The folder of a cluster that a page makes; it is stopped in the end."""
        self._clusters.append(self.folder / name)
        return self._clusters[-1]

    def run(self, script: str, **variables: str | Path) -> str:
        """Run the commands with these variables; return what they print, and fail with all of it."""
        told = {name: str(value) for name, value in variables.items()}
        path = f"{self._shims}:{self.binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        # A file, not pipes: a server that is started would keep them open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                ["timeout", "100", "bash", "-euo", "pipefail", "-c", script],
                cwd=self.folder,
                env=clean_environment(PATH=path, **told),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            output.seek(0)
            said = output.read()
        logs = [log.read_text()[-2000:] for log in self.folder.glob("*.log") if done.returncode]
        assert done.returncode == 0, "\n".join((script, said[-4000:], *logs))
        return said

    def stop(self) -> None:
        """Stop the clusters that run."""
        for data in self._clusters:
            if (data / "postmaster.pid").exists():
                self.run(f"pg_ctl --pgdata={data} --mode=immediate --wait stop")

    def _make_shims(self) -> None:
        uid, gid = _account()
        for program in _AS_SERVER:
            found = self.binaries / program
            real = found if found.exists() else shutil.which(program)
            shim = self._shims / program
            # The server's own commands (archive_command) find them as well, and are that account already.
            change = f"setpriv --reuid={uid} --regid={gid} --clear-groups"
            shim.write_text(f'#!/bin/sh\n[ "$(id -u)" = 0 ] || exec {real} "$@"\nexec {change} {real} "$@"\n')
            shim.chmod(0o755)


def _account() -> tuple[int, int]:
    entry = pwd.getpwnam(_ACCOUNT)
    return entry.pw_uid, entry.pw_gid


def _usable_binaries() -> Path:
    """PostgreSQL's programs, the clients among them, where the account of the server may run them."""
    chosen = os.environ.get("AGENTTRACE_TEST_POSTGRES")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = dict(zip(("user", "group"), _account(), strict=True))
    for folder in [Path(chosen)] if chosen else [find_binaries(), *debian]:
        try:
            for program in ("pg_ctl", "pg_basebackup", "pg_verifybackup", "pg_restore", "psql"):
                subprocess.run(
                    [str(folder / program), "--version"], cwd="/", check=True, capture_output=True, **identity
                )
        except (OSError, subprocess.CalledProcessError):
            continue
        return folder
    reason = f"no PostgreSQL whose programs {_ACCOUNT} may run (Debian: postgresql)"
    if os.environ.get("AGENTTRACE_REQUIRE_TOOLS"):
        pytest.fail(f"{reason}, and AGENTTRACE_REQUIRE_TOOLS is set")
    pytest.skip(reason)


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine for as long as the block runs. Not in pytest's folder: that is closed to the server's account."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agenttrace-")))
        made = Machine(folder)
        stack.callback(made.stop)
        yield made
