"""Erases all that is stored of a run, a session or a user, and keeps it from coming back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg

from agenttrace_server import copy_binary
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import StartupError
from agenttrace_server.store import audit, statements
from agenttrace_server.store.owner import owner_connection

_SQL = statements.load("erasures.sql")
# How many runs are looked up, and get their tombstones, at once.
_CHUNK_RUNS = 1_000
# Steps and failures deleted in one transaction, but for a run that has more: soon done, for what is sent for one of
# its runs meanwhile waits, and so do watches.
_BATCH_ROWS = 10_000
_ATTEMPTS = 10
_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.02
_FIRST = uuid.UUID(int=0)


class Subject(NamedTuple):
    """What is to be erased. `field`: "run_id", "session_id" or "user_key", and `value` one of those."""

    field: str
    value: str

    @property
    def kind(self) -> str:
        """What it is called: run, session or user."""
        return self.field.partition("_")[0]

    @property
    def column(self) -> bytes:
        """The value as tombstones are made of it."""
        return copy_binary.uuid(self.value) if self.field == "run_id" else copy_binary.text(self.value)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did. `time`: from which on nothing of it is taken; the counts are rows that were deleted."""

    erasure_id: str
    kind: str
    project: str
    time: datetime
    run_count: int
    step_count: int
    failure_count: int


class _Run(NamedTuple):
    run_id: uuid.UUID
    row_count: int


def erase(url: str, keys: ErasureKeys, project: str, subject: Subject) -> Receipt:
    """Erase a subject; return what was done. Safe to repeat, also where it was interrupted.

    The tombstone comes first. Writers that may not have seen it are waited for, and what they stored is deleted with
    the rest. Raises StartupError, after which nothing comes in any more but not all may be deleted.
    """
    with owner_connection(url) as connection:
        erasing = _Erasing(connection, keys, _project_id(connection, project))
        began = erasing.begin(subject)
        deleted = [erasing.delete(batch) for chunk in erasing.chunks(subject) for batch in _batches(chunk)]
        if subject.field == "run_id" and not deleted:
            # Not stored itself, it may still be named by its children.
            deleted = [erasing.delete([_Run(uuid.UUID(subject.value), 0)])]
        runs, steps, failures = map(sum, zip((0, 0, 0), *deleted, strict=True))
        receipt = Receipt(erasing.erasure_id, subject.kind, project, began, runs, steps, failures)
        erasing.audit("erase.complete", f"/runs:{runs}/steps:{steps}/failures:{failures}")
        return receipt


class _Erasing:
    """One erasure in progress."""

    def __init__(self, connection: psycopg.Connection, keys: ErasureKeys, project_id: int) -> None:
        _refuse_strange_keys(connection, keys)
        self.erasure_id = str(uuid.uuid4())
        self._connection = connection
        self._keys = keys
        self._project_id = project_id

    def begin(self, subject: Subject) -> datetime:
        """Make the tombstone; return when, once everybody who writes sees it."""
        with self._connection.transaction():
            began = self._add_tombstones(subject.field, [subject.column])
            self.audit(f"erase.{subject.kind}")
        self._wait_for_writers()
        return began

    def chunks(self, subject: Subject) -> Iterator[list[_Run]]:
        """Yield the subject's runs, which have got tombstones that everybody sees: their steps name nothing else."""
        parameters = {"project_id": self._project_id, "value": subject.value, "limit": _CHUNK_RUNS, "after": _FIRST}
        while True:
            rows = self._connection.execute(_SQL[f"runs_{subject.field}"], parameters).fetchall()
            chunk = [_Run(*row) for row in rows]
            if not chunk:
                return
            if subject.field != "run_id":
                with self._connection.transaction():
                    self._add_tombstones("run_id", [copy_binary.uuid(str(run.run_id)) for run in chunk])
                self._wait_for_writers()
            yield chunk
            parameters["after"] = chunk[-1].run_id

    def delete(self, runs: Sequence[_Run]) -> tuple[int, int, int]:
        """Delete runs in one transaction; return how many runs, steps and failures went."""
        parameters = {"project_id": self._project_id, "run_ids": [run.run_id for run in runs]}
        for _ in range(_ATTEMPTS):
            try:
                row = self._connection.execute(_SQL["erase_runs"], parameters).fetchone()
                assert row is not None
                return row[0], row[1], row[2]
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                continue
        raise StartupError("the database is too busy: nothing comes in any more; run this again to delete the rest")

    def audit(self, action: str, counts: str = "") -> None:
        """Record an action, without telling what is erased."""
        audit.record(self._connection, action, f"erasure:{self.erasure_id}{counts}")

    def _add_tombstones(self, field: str, columns: Sequence[bytes]) -> datetime:
        key_id = self._keys.ids[0]
        tombstones = [next(self._keys.tombstones(self._project_id, field, column)).digest for column in columns]
        about = {"project_id": self._project_id, "key_id": key_id, "erasure_id": self.erasure_id}
        row = self._connection.execute(_SQL["add_tombstones"], {**about, "tombstones": tombstones}).fetchone()
        assert row is not None
        self._connection.execute(_SQL["add_key"], about)
        return row[0]  # type: ignore[no-any-return]  # a timestamptz

    def _wait_for_writers(self) -> None:
        """Wait until all transactions have ended that may not have seen our tombstones. Nobody waits for us."""
        deadline = time.monotonic() + _WAIT_SECONDS
        waited_for = self._writers()
        while waited_for := waited_for & self._writers():
            if time.monotonic() > deadline:
                raise StartupError(
                    f"a transaction that writes runs has been open for {_WAIT_SECONDS:.0f} s: nothing comes in any "
                    "more, and nothing is deleted yet; end it, then run this again"
                )
            time.sleep(_POLL_SECONDS)

    def _writers(self) -> set[str]:
        return {name for (name,) in self._connection.execute(_SQL["writers"])}


def _batches(runs: Sequence[_Run]) -> Iterator[list[_Run]]:
    """Runs in batches of which each has at most _BATCH_ROWS rows, or is one run."""
    batch: list[_Run] = []
    row_count = 0
    for run in runs:
        if batch and row_count + run.row_count > _BATCH_ROWS:
            yield batch
            batch, row_count = [], 0
        batch.append(run)
        row_count += run.row_count
    if batch:
        yield batch


def _project_id(connection: psycopg.Connection, project: str) -> int:
    row = connection.execute(_SQL["project"], {"project": project}).fetchone()
    if row is None:
        raise StartupError(f"there is no project {project}: see `agenttrace-server projects list`")
    return int(row[0])


def _refuse_strange_keys(connection: psycopg.Connection, keys: ErasureKeys) -> None:
    """Refuse keys that the services can not have: they would take nothing any more."""
    live = {key_id for (key_id,) in connection.execute(_SQL["live_keys"])}
    if live - set(keys.ids):
        raise StartupError(
            "this database has tombstones under another key: set AGENTTRACE_SERVER_ERASURE_KEY, and while it is "
            "replaced AGENTTRACE_SERVER_ERASURE_KEY_PREVIOUS, as the services have them"
        )
