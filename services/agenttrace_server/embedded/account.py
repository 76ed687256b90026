"""Which account PostgreSQL runs as: our own, or an unprivileged one where we are root."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import NamedTuple

from agenttrace_server.embedded.errors import EmbeddedPostgresError, FolderRefusedError

# Not `postgres` first: on a machine with a real cluster that account owns everybody's data.
_UNPRIVILEGED = ("nobody", "postgres")


class Account(NamedTuple):
    """An unprivileged account to run PostgreSQL as; it owns `pgdata` and nothing else of ours."""

    uid: int
    gid: int


def server_account(pgdata: Path) -> Account | None:
    """Return the account to run the server of `pgdata` as, None for our own.

    Root runs an existing server as the owner of its data. Raises FolderRefusedError where we may not.
    """
    owner = pgdata.stat().st_uid if pgdata.exists() else None
    if os.geteuid() == 0:
        return _in_place_of_root(pgdata, owner)
    if owner not in {None, os.geteuid()}:
        raise FolderRefusedError(f"{pgdata} belongs to user {_name(owner)}: start as that user or choose another")
    return None


def _in_place_of_root(pgdata: Path, owner: int | None) -> Account:
    if owner is None:
        return _unprivileged()
    if owner == 0:
        hint = f"run `chown -R {_UNPRIVILEGED[0]} {pgdata}`"
        raise FolderRefusedError(f"{pgdata} belongs to root, as whom PostgreSQL refuses to run: {hint}")
    try:
        return Account(owner, pwd.getpwuid(owner).pw_gid)
    except KeyError:  # a number without a name, as in containers
        return Account(owner, pgdata.stat().st_gid)


def _unprivileged() -> Account:
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError("PostgreSQL refuses to run as root, and there is no user `nobody`: be another user")


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid).pw_name if uid is not None else "unknown"
    except KeyError:
        return str(uid)
