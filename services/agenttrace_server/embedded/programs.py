"""Runs PostgreSQL's programs, so that they end with this process however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agenttrace_server.embedded.account import Account
from agenttrace_server.embedded.errors import ServerFailedError
from agenttrace_server.embedded.server_log import ServerLog

_LAUNCHER = Path(__file__).with_name("launcher.py")


def launching(account: Account | None, program: Path) -> list[str]:
    """Return the command that becomes `program`, run as `account` (None: our own), and ends with this process."""
    identity = "{}:{}".format(*account) if account else ""
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), identity, str(program)]


class Programs:
    """The programs in `binaries`, run as `account` (None: our own); what they say goes to `log`."""

    def __init__(self, binaries: Path, account: Account | None, log: ServerLog) -> None:
        self._binaries = binaries
        self.account = account
        self.log = log

    @contextmanager
    def reaching(self, folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield a path to `folder` that works for the programs, and the descriptors to hand them for it.

        The account may be unable to enter the folders above it. A path by way of an open descriptor does not
        pass through them, and unlike a working directory PostgreSQL 15 does not try to return to it by name.
        """
        if self.account is None or sys.platform != "linux":
            yield str(folder), ()
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)

    def run(self, program: str, arguments: Sequence[str], *, descriptors: Sequence[int], statement: str = "") -> None:
        """Run `program` to its end with `statement` as its input; raise ServerFailedError if it fails."""
        begin = self.log.size()
        process = self.spawn(program, arguments, descriptors=descriptors, stdin=subprocess.PIPE)
        try:
            process.communicate(statement.encode())
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.returncode != 0:
            raise ServerFailedError(f"{program} failed: {self.log.reason(since=begin)} (all of it: {self.log.path})")

    def spawn(
        self, program: str, arguments: Sequence[str], *, descriptors: Sequence[int], stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start `program` in a session of its own, away from the terminal's Ctrl-C, and return at once."""
        command = [*launching(self.account, self._binaries / program), *arguments]
        with self.log.appending() as output:
            options: dict[str, Any] = {"stdin": stdin, "stdout": output, "stderr": output, "pass_fds": descriptors}
            return _kept(lambda: subprocess.Popen(command, cwd="/", start_new_session=True, **options))


def _kept(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a process from a thread that lasts as long as it does.

    The kernel's death signal comes when the *thread* that forked ends, which a caller's thread may do any time.
    """
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            process = start()
        except BaseException as exc:
            started.set_exception(exc)
        else:
            started.set_result(process)
            process.wait()

    threading.Thread(target=keep, name="agenttrace-postgres", daemon=True).start()
    return started.result()
