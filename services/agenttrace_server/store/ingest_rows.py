"""Writes the rows of one kind: optimistically by COPY into the table, or by way of the stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg import Connection

from agenttrace_server import copy_binary, limits
from agenttrace_server.records import ACCEPTED, DUPLICATE, FAILURE_COLUMNS, STEP_COLUMNS, EncodedRow, Verdict
from agenttrace_server.store.ingest_runs import Runs
from agenttrace_server.store.statements import load
from agenttrace_server.store.write_pool import fetch

_SQL = load("ingest.sql")
# Of what was erased a step or failure names but its run.
_ERASED = Verdict("ERASED", "run_id")


class Kind(NamedTuple):
    """How the rows of one kind are written. The headers stand before each row of a COPY."""

    copy: str
    copy_header: bytes
    stage: str
    stage_header: bytes
    merge: str


def _kind(name: str, columns: Sequence[str]) -> Kind:
    listed = ", ".join(columns)
    return Kind(
        copy=_SQL[f"copy_{name}"].format(columns=listed),
        copy_header=copy_binary.row_header(len(columns) + 2),
        stage=_SQL[f"stage_{name}"].format(columns=listed),
        stage_header=copy_binary.row_header(len(columns) + 3),
        merge=_SQL[f"merge_{name}"],
    )


STEPS = _kind("steps", STEP_COLUMNS)
FAILURES = _kind("failures", FAILURE_COLUMNS)


def write_rows(
    connection: Connection,
    kind: Kind,
    rows: Sequence[EncodedRow],
    runs: Runs,
    *,
    merge: bool,
) -> list[Verdict]:
    """Write rows beside their runs; return their verdicts.

    Raises UniqueViolation where a key is known already;
    with `merge` a known key gets its verdict instead.
    """
    if not runs.erased:
        return _write(connection, kind, rows, runs, merge=merge)
    kept = [row for row in rows if row.run_id not in runs.erased]
    verdicts = iter(_write(connection, kind, kept, runs, merge=merge))
    return [_ERASED if row.run_id in runs.erased else next(verdicts) for row in rows]


def _write(connection: Connection, kind: Kind, rows: Sequence[EncodedRow], runs: Runs, *, merge: bool) -> list[Verdict]:
    if not rows:
        return []
    firsts, repeats = _unique(rows)
    if merge or repeats is None:
        return _merge(connection, kind, rows, runs)
    # In the order of the primary key, or two writers would wait for each other.
    firsts.sort(key=lambda index: rows[index].key)
    _copy(connection, kind.copy, _pieces(kind.copy_header, [rows[index] for index in firsts], runs))
    verdicts = [ACCEPTED] * len(rows)
    for index in repeats:
        verdicts[index] = DUPLICATE
    return verdicts


def _unique(rows: Sequence[EncodedRow]) -> tuple[list[int], list[int] | None]:
    """The indexes of the first rows of each key, and of their repetitions: None where one has other content."""
    first_of: dict[bytes, int] = {}
    repeats = []
    for index, row in enumerate(rows):
        first = first_of.setdefault(row.key, index)
        if first != index:
            if rows[first].body != row.body:
                return [], None
            repeats.append(index)
    return list(first_of.values()), repeats


def _merge(connection: Connection, kind: Kind, rows: Sequence[EncodedRow], runs: Runs) -> list[Verdict]:
    """Stage all rows and let the database tell the new from the known."""
    header, suffix, suffixes = kind.stage_header, runs.suffix, runs.suffixes
    pieces = (
        piece
        for ordinal, row in enumerate(rows)
        for piece in (header, row.body, suffixes.get(row.run_id, suffix), copy_binary.int4(ordinal))
    )
    _copy(connection, kind.stage, pieces)
    verdicts = [ACCEPTED] * len(rows)
    for ordinal, outcome in fetch(connection, kind.merge, {"step_limit": limits.STEPS_PER_RUN}):
        verdicts[ordinal] = Verdict(outcome)
    return verdicts


def _pieces(header: bytes, rows: Iterable[EncodedRow], runs: Runs) -> list[bytes]:
    """What is written of rows, in their order."""
    suffix, suffixes = runs.suffix, runs.suffixes
    if suffixes:
        return [piece for row in rows for piece in (header, row.body, suffixes.get(row.run_id, suffix))]
    # Rows of new runs differ in nothing but themselves.
    between = suffix + header
    return [header, between.join([row.body for row in rows]), suffix]


def _copy(connection: Connection, statement: str, pieces: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(b"".join((copy_binary.HEADER, *pieces, copy_binary.TRAILER)))
