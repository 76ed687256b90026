"""Reads `postmaster.pid`, in which a running server says what it is doing."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

from agenttrace_server.embedded.errors import FolderInUseError
from agenttrace_server.embedded.launcher import alive

# A server whose owner was killed is told so by the kernel; it needs a moment to say that it is stopping,
# and then as long as its last checkpoint takes.
_SECONDS_TO_REACT = 0.5
_SECONDS_TO_STOP = 30.0


class PidFile(NamedTuple):
    """The server's process, and its status: `starting`, `ready`, `stopping` or not yet any."""

    pid: int
    status: str


def read_pid_file(pgdata: Path) -> PidFile | None:
    """Return what `postmaster.pid` says, None where it is missing or torn."""
    try:
        lines = [line.strip() for line in _path(pgdata).read_text().splitlines()]
        # The number is negative where a single-user server wrote it.
        return PidFile(abs(int(lines[0])), lines[7] if len(lines) > 7 else "")
    except (FileNotFoundError, IndexError, ValueError):
        return None


def claim(pgdata: Path) -> None:
    """Make sure that no server runs on `pgdata`, waiting for one that is stopping.

    Raises FolderInUseError. Removes a pid file at which PostgreSQL would stop although its server is gone.
    """
    began = time.monotonic()
    while (found := read_pid_file(pgdata)) and _serves(found.pid, pgdata):
        patience = _SECONDS_TO_STOP if found.status == "stopping" else _SECONDS_TO_REACT
        if time.monotonic() - began > patience:
            raise FolderInUseError(
                f"{pgdata} is in use by a running server, process {found.pid}: stop that one or choose another folder"
            )
        time.sleep(0.05)
    # The pid of a dead process stays: by it the server finds out whether sessions of its predecessor linger.
    # But a torn file, or a number that some other process has now, would make it refuse for ever.
    if found is None or alive(found.pid):
        _path(pgdata).unlink(missing_ok=True)


def remove_pid_file(pgdata: Path, pid: int) -> None:
    """Remove what server `pid`, which has ended, left behind."""
    found = read_pid_file(pgdata)
    if found is not None and found.pid == pid:
        _path(pgdata).unlink()


def _path(pgdata: Path) -> Path:
    return pgdata / "postmaster.pid"


def _serves(pid: int, pgdata: Path) -> bool:
    if not alive(pid) or sys.platform != "linux":
        return alive(pid)
    try:
        return Path(f"/proc/{pid}/cwd").samefile(pgdata)
    except OSError:  # another account's process, or one that has just ended: no server on data of ours
        return False
