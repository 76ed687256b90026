"""Makes the contents of a new data folder: a cluster, its superuser and its database."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from agenttrace_server.embedded.account import Account
from agenttrace_server.embedded.folder import UNFINISHED, DataFolder
from agenttrace_server.embedded.programs import Programs

SUPERUSER = DATABASE = "agenttrace"

# C sorts by bytes: the same on every system, and the fastest.
_INITDB = (f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions")
_SINGLE = ("-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres")


def make_cluster(folder: DataFolder, programs: Programs) -> None:
    """Fill a new folder. It is built aside and renamed at the end, so a crash leaves nothing half done."""
    password = secrets.token_urlsafe(24)
    # A name of its own each time: the initdb of a killed owner may still be tidying up under the last one.
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder.path, ignore_cleanup_errors=True) as name:
        workshop = Path(name)
        _prepare(workshop, password, programs.account)
        _build(workshop, programs)
        folder.password_file.unlink(missing_ok=True)
        _write_secret(folder.password_file, password)
        (workshop / "pgdata").rename(folder.pgdata)
        _sync(folder.path)


def _prepare(workshop: Path, password: str, account: Account | None) -> None:
    (workshop / "pgdata").mkdir(mode=0o700)
    _write_secret(workshop / "password", password)
    if account is not None:
        # The outermost last: from then on the account can move things about in it.
        for path in (workshop / "pgdata", workshop / "password", workshop):
            os.chown(path, *account)


def _build(workshop: Path, programs: Programs) -> None:
    with programs.reaching(workshop) as (path, descriptors):
        target = ["-D", f"{path}/pgdata"]
        programs.run("initdb", [*target, "--pwfile", f"{path}/password", *_INITDB], descriptors=descriptors)
        # By a server for one user: no port, no password on a wire, and the database is there from the first.
        create = f"CREATE DATABASE {DATABASE}\n"
        programs.run("postgres", ["--single", *target, *_SINGLE], descriptors=descriptors, statement=create)


def _write_secret(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    """Make names in `folder` outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
