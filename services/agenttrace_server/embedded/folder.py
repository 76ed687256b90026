"""The layout of a data folder, and what of it is fit for use."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agenttrace_server.embedded.errors import FolderRefusedError
from agenttrace_server.embedded.server_log import ServerLog

UNFINISHED = "pgdata.unfinished-"


class DataFolder:
    """A folder with `pgdata`, `password` and `postgres.log`; `pgdata` is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pgdata = self.path / "pgdata"
        self.password_file = self.path / "password"
        self.log = ServerLog(self.path / "postgres.log")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if it is missing, and keep other starters out of it meanwhile.

        Whatever the operating system refuses inside is raised as FolderRefusedError.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise FolderRefusedError(f"can not use {self.path} ({exc}): correct that or choose another folder") from exc

    def has_data(self) -> bool:
        """Say whether data was made here, whatever has become of it."""
        return os.path.lexists(self.pgdata)

    def is_new(self) -> bool:
        """Say whether there is no data here yet; raise FolderRefusedError for data that is not ours."""
        if (self.pgdata / "PG_VERSION").is_file():
            return False
        if self.has_data():
            raise FolderRefusedError(f"{self.pgdata} is damaged, PG_VERSION is missing: restore or remove {self.path}")
        # What a start that was cut short may have left behind, what `up` keeps beside, and nothing else.
        beside = (self.path / "secrets", self.path / "prometheus")
        ours = {*self._unfinished(), self.password_file, self.log.path, *beside}
        if strangers := sorted(set(self.path.iterdir()) - ours):
            raise FolderRefusedError(f"{self.path} holds other things ({strangers[0].name}): choose an empty folder")
        return True

    def sweep(self) -> None:
        """Remove what starts left behind that were cut short while they made the data."""
        for workshop in self._unfinished():
            # What the dying initdb of such a start still holds is for the next sweep.
            shutil.rmtree(workshop, ignore_errors=True)

    def check_version(self, major: int) -> None:
        """Raise FolderRefusedError unless PostgreSQL `major` made the data."""
        made_by = (self.pgdata / "PG_VERSION").read_text().strip()
        if made_by != str(major):
            raise FolderRefusedError(
                f"{self.pgdata} is of PostgreSQL {made_by} and the programs here are of {major}: "
                f"choose the programs of {made_by} or another folder"
            )

    def password(self) -> str:
        """Return the superuser's password, or raise FolderRefusedError where it is lost."""
        try:
            password = self.password_file.read_text().strip()
        except FileNotFoundError:
            password = ""
        if not password:
            raise FolderRefusedError(f"{self.password_file} is missing: restore it or remove {self.path}")
        return password

    def _unfinished(self) -> list[Path]:
        return list(self.path.glob(f"{UNFINISHED}*"))
