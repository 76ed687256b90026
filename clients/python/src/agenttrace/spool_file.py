"""One file of a spool: records in a SQLite database that one process holds for as long as it lives."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

# Pages, checksum and keys of a record, about.
_OVERHEAD_BYTES = 64
_FREE_PAGES_KEPT = 256
# How many records are looked for one by one in a damaged file, whose numbers may be anything.
_TRIES = 10_000
_ANY_ID = 2**62
# More than any record has: what a damaged file says of lengths is not believed.
_MAX_RECORD_BYTES = 16 * 1024 * 1024
# The schema, the map of pages and an empty table.
_PAGES_OF_NOTHING = 3

# Exclusive: the lock is the process's sign of life, and one writer needs no shared memory.
# WAL with FULL: a commit is one write and one fsync, and survives the machine's fall.
# Without writable_schema SQLite refuses a file that was cut off, whose first records are whole.
_OPEN = """
PRAGMA writable_schema = ON;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
"""
_TABLE = "CREATE TABLE records (id INTEGER PRIMARY KEY, items INTEGER, checksum INTEGER, body BLOB)"
_INSERT = "INSERT INTO records (id, items, checksum, body) VALUES (?, ?, ?, ?)"
_USED_PAGES = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"
_TOTAL = """
SELECT coalesce(sum(items), 0), coalesce(sum(length(body) + ?), 0) FROM records WHERE id > ? AND id <= ?
"""
_SELECT = "SELECT id, items, checksum, body FROM records WHERE id"


# Of a damaged file any of the values may be of another type.
_Row: TypeAlias = tuple[int, object, object, object]


class Record(NamedTuple):
    """One upload message, serialized, and how many items it carries."""

    id: int
    items: int
    body: bytes


class HeldError(Exception):
    """Another process holds the file: it lives."""


class DamagedError(Exception):
    """The file is no database, or so damaged that it cannot be opened."""


class SpoolFile:
    """Records in the order they came: appended at the end, read and settled from the front.

    Not safe between threads. What is appended is on disk when append() returns.

    Attributes:
        items: Items in it that are not settled.
        bytes: Room its records take, about.
        last_id: The id of the last record.
        done_to: Up to this one every record is settled or dropped.
        damaged: Damaged records, and damaged places that may have held several.
    """

    def __init__(self, path: Path, *, is_new: bool = False) -> None:
        """Open it and hold it.

        Raises:
            HeldError: Another process holds it.
            DamagedError: It cannot be read.
            sqlite3.Error: It cannot be written, such as on a full disk.
        """
        self.path = path
        self.damaged = 0
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if is_new else 'rw'}"
        self._database = sqlite3.connect(uri, timeout=0, isolation_level=None, check_same_thread=False, uri=True)
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_RECORD_BYTES)
        try:
            self._database.executescript(_OPEN)
            if is_new:
                self._database.execute(_TABLE)
            else:
                self.damaged = self._examine()
            self.last_id, self.items, self.bytes = self._measure()
        except DamagedError:
            self._database.close()
            raise
        except sqlite3.Error as error:
            self._database.close()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _MEANING:
                raise _MEANING[code] from None
            raise
        self.done_to = 0
        self._read_to = 0  # what was read is with the sender: it is never read again, nor dropped

    def append(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Write records, each the number of its items and its body, all of them or none; return once on disk."""
        rows = [
            (number, items, _checksum(items, body), body)
            for number, (items, body) in enumerate(bodies, self.last_id + 1)
        ]
        with self._transaction():
            self._database.executemany(_INSERT, rows)
        self.last_id += len(rows)
        self.items += sum(items for _, items, _, _ in rows)
        self.bytes += sum(len(body) + _OVERHEAD_BYTES for _, _, _, body in rows)

    def read(self, max_bytes: int) -> list[Record]:
        """Return the oldest records not yet read, about as many bytes; none where there are no more."""
        found: list[Record] = []
        size = 0
        with closing(self._rows(self._read_to)) as rows:
            for number, items, checksum, body in rows:
                self._read_to = number
                if isinstance(items, int) and isinstance(body, bytes) and checksum == _checksum(items, body):
                    found.append(Record(number, items, body))
                    size += len(body)
                else:
                    self.damaged += 1
                if size >= max_bytes:
                    return found
        self._read_to = self.last_id
        return found

    def settle(self, number: int) -> None:
        """Delete everything up to a record that was read: it is delivered or given up.

        Where that fails, for the disk is full or damaged, it is deleted with a later one or sent again.
        """
        with suppress(sqlite3.Error):
            self._delete(0, number)
            if not self.bytes:
                self._shrink()

    def drop(self, needed_bytes: int) -> int:
        """Delete the oldest records that were not read until so much room is free; return their items."""
        freed = items = 0
        last = self._read_to
        select = "SELECT id, items, length(body) FROM records WHERE id > ? ORDER BY id"
        with closing(self._database.execute(select, (self._read_to,))) as rows:
            for last, count, size in rows:  # noqa: B007 # it is told after the loop
                freed += size + _OVERHEAD_BYTES
                items += count
                if freed >= needed_bytes:
                    break
        self._delete(self._read_to, last)
        return items

    def close(self) -> None:
        """Let go of it. What it holds is for the next process."""
        self.done_to = self.last_id
        with suppress(sqlite3.Error):
            self._database.close()

    def _rows(self, after: int) -> Generator[_Row]:
        """Read on from a record; from the first damaged page on, each record by itself."""
        try:
            for row in _ascending(self._database.execute(f"{_SELECT} > ? ORDER BY id", (after,)), after):
                after = row[0]
                yield row
        except sqlite3.DatabaseError:
            yield after, None, None, None
            for number in range(after + 1, min(self.last_id, after + _TRIES) + 1):
                if row_alone := self._row(number):
                    yield row_alone

    def _row(self, number: int) -> _Row | None:
        with suppress(sqlite3.DatabaseError):
            row: _Row | None = self._database.execute(f"{_SELECT} = ?", (number,)).fetchone()
            return row
        return None

    def _delete(self, after: int, up_to: int) -> None:
        with self._transaction():
            items, size = self._total(after, up_to)
            self._database.execute("DELETE FROM records WHERE id > ? AND id <= ?", (after, up_to))
            (oldest,) = self._database.execute("SELECT min(id) FROM records").fetchone()
        self.items -= items
        self.bytes = max(0, self.bytes - size)
        self.done_to = self.last_id if oldest is None else oldest - 1

    def _examine(self) -> int:
        """Return whether the structure is damaged, in ways that may hide records without an error, as 0 or 1."""
        if self._database.execute("SELECT sql FROM sqlite_master").fetchone() != (_TABLE,):
            raise DamagedError(self.path.name)
        try:
            (verdict,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
            (used,) = self._database.execute(_USED_PAGES).fetchone()
            is_empty = self._database.execute("SELECT 1 FROM records LIMIT 1").fetchone() is None
            return int(verdict != "ok" or (is_empty and used > _PAGES_OF_NOTHING))
        except sqlite3.DatabaseError:
            return 1

    def _measure(self) -> tuple[int, int, int]:
        """Return the last id, and the items and room of all records; of a damaged file any, some and none."""
        try:
            (last,) = self._database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()
            items, size = self._total(0, last)
        except sqlite3.DatabaseError:
            return _ANY_ID, 1, 0
        return last, items, min(size, self.path.stat().st_size)

    def _total(self, after: int, up_to: int) -> tuple[int, int]:
        """Return the items of the records between, and their room."""
        row: tuple[int, int] = self._database.execute(_TOTAL, (_OVERHEAD_BYTES, after, up_to)).fetchone()
        return row

    def _shrink(self) -> None:
        """Give room back to the disk after an outage; a few pages are kept for what comes next."""
        (free,) = self._database.execute("PRAGMA freelist_count").fetchone()
        if free > _FREE_PAGES_KEPT:
            # A script, because execute() would stop after the first page.
            self._database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise


_MEANING: dict[int, type[Exception]] = {
    sqlite3.SQLITE_BUSY: HeldError,
    sqlite3.SQLITE_LOCKED: HeldError,
    sqlite3.SQLITE_CORRUPT: DamagedError,
    sqlite3.SQLITE_NOTADB: DamagedError,
    sqlite3.SQLITE_ERROR: DamagedError,  # its schema is not ours
}


def _ascending(rows: Iterable[_Row], after: int) -> Iterator[_Row]:
    """Pass rows on for as long as their ids ascend: a damaged tree may go in a circle."""
    for row in rows:
        if row[0] <= after:
            raise sqlite3.DatabaseError("a damaged tree")
        after = row[0]
        yield row


def _checksum(items: int, body: bytes) -> int:
    return zlib.crc32(body, items & 0xFFFFFFFF)
