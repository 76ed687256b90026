"""A directory in which what is not acknowledged outlives its process.

Each process writes a file of its own and holds it. A file that nobody holds was left by a process that is gone: the
first to find it takes it over, sends what it holds before its own, and removes it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.ids import new_id
from agenttrace.spool_file import DamagedError, HeldError, SpoolFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.spool_file import Record

_SUFFIX = ".spool"
_SET_ASIDE = "damaged.set-aside"
_LOOK_SECONDS = 10.0
# A file is created and then locked: one that is empty and older was left between the two.
_FRESH_SECONDS = 60.0

# Files of this process, and of its parent where it is a forked child. SQLite's locks are the process's, so that it
# alone knows which are held by itself; a child may neither use nor close a connection of its parent.
_HELD: set[Path] = set()
_LEFT_TO_THE_PARENT: list[Spool] = []


class Page(NamedTuple):
    """Records of one file, oldest first."""

    file: SpoolFile
    records: list[Record]
    is_left: bool  # by an earlier process


class Spool:
    """Keeps upload messages until they are settled. Safe between threads and processes.

    Attributes:
        lock: Held while a file is touched; a fork waits for it.
    """

    def __init__(self, directory: str | Path, max_bytes: int) -> None:
        """Take a directory, which is made when something is written."""
        self.lock = threading.RLock()
        self._directory = Path(directory).absolute()
        self._max_bytes = max_bytes
        self._own: SpoolFile | None = None
        self._left: list[SpoolFile] = []
        self._next_look = 0.0
        self._damaged = 0
        self._closed = False

    @property
    def has_left(self) -> bool:
        """Whether there are files that may have been left by earlier processes."""
        return any(path not in _HELD for path in self._paths())

    @property
    def own_items(self) -> int:
        """Items of this process that are not settled."""
        return self._own.items if self._own else 0

    @property
    def damaged(self) -> int:
        """Records that could not be read, and files of which nothing could."""
        return self._damaged + sum(file.damaged for file in self._files())

    def append(self, bodies: Sequence[tuple[int, bytes]]) -> int:
        """Write records, each the number of its items and its body; return once they are on disk.

        The oldest are dropped to make room; returns their items. Raises sqlite3.Error or OSError where it
        cannot be written, and then nothing of it is.
        """
        with self.lock:
            own = self._open_own()
            dropped = self._make_room(sum(len(body) for _, body in bodies))
            own.append(bodies)
            return dropped

    def read(self, max_bytes: int) -> Page | None:
        """Return the oldest records not yet read, of one file; None where there are none."""
        with self.lock:
            if self._closed:
                return None
            self._take_over()
            for file in self._files():
                if records := file.read(min(max_bytes, self._max_bytes // 4)):
                    return Page(file, records, is_left=file is not self._own)
                self._finish(file)
            return None

    def settle(self, file: SpoolFile, record_id: int) -> None:
        """Forget a file's records up to this one: they are delivered or given up."""
        with self.lock:
            file.settle(record_id)

    def mark(self) -> tuple[SpoolFile, int] | None:
        """Return this process's file, and the id of the last record in it."""
        own = self._own
        return (own, own.last_id) if own else None

    def close(self) -> None:
        """Let go of all files; the next process takes over what is in them."""
        with self.lock:
            self._closed = True
            for file in self._files():
                if file.items:
                    file.close()
                    _HELD.discard(file.path)
                else:
                    self._remove(file)
            self._left.clear()  # the own one still tells what is in it

    def leave_to_parent(self) -> None:
        """Touch it no more: this is a forked child, and the files are its parent's."""
        _LEFT_TO_THE_PARENT.append(self)

    def _files(self) -> list[SpoolFile]:
        """Return the files that are held, the oldest first."""
        return [*self._left, self._own] if self._own else [*self._left]

    def _paths(self) -> list[Path]:
        """Return all files of the directory; their names begin with the time they were made."""
        return sorted(self._directory.glob(f"*{_SUFFIX}"))

    def _open_own(self) -> SpoolFile:
        if self._closed:
            raise sqlite3.ProgrammingError("the spool is closed")
        if self._own is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._directory / f"{new_id():032x}{_SUFFIX}"
            _HELD.add(path)
            self._own = SpoolFile(path, is_new=True)
        return self._own

    def _take_over(self) -> None:
        """Look, from time to time, for files that nobody holds."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        with suppress(OSError):
            for path in self._paths():
                if path not in _HELD:
                    self._take(path)

    def _take(self, path: Path) -> None:
        try:
            found = path.stat()
            if not found.st_size:
                self._lose(path, found.st_mtime > time.time() - _FRESH_SECONDS)
                return
            self._left.append(SpoolFile(path))
            _HELD.add(path)
        except DamagedError:
            self._damaged += 1
            self._set_aside(path)
        except (HeldError, sqlite3.Error, OSError):
            pass  # its process lives, another was faster, or the disk is full: to be looked at again

    def _lose(self, path: Path, is_fresh: bool) -> None:
        """Remove an empty file, unless its process is about to lock it."""
        if not is_fresh:
            self._damaged += 1
            _unlink(path)

    def _finish(self, file: SpoolFile) -> None:
        """Part with a file of which everything was read and delivered; an own one is kept if it is empty.

        What is in it nevertheless is damaged, or could not be deleted.
        """
        if file is self._own:
            if not file.items:
                return
            self._own = None
        else:
            self._left.remove(file)
        self._damaged += file.damaged
        self._remove(file)

    def _make_room(self, size: int) -> int:
        """Drop the oldest until a new record fits.

        Who comes to a full directory has a share of it all the same: the others make room when they write next.
        """
        mine = {file.path.stem for file in self._files()}
        others = [path for path in self._directory.glob(f"*{_SUFFIX}*") if path.stem not in mine]
        processes = 1 + sum(path.suffix == _SUFFIX for path in others)
        room = max(self._max_bytes - sum(map(_size, others)), self._max_bytes // processes)
        dropped = 0
        for file in self._files():
            excess = sum(held.bytes for held in self._files()) + size - room
            if excess > 0:
                dropped += file.drop(excess)
        return dropped

    def _remove(self, file: SpoolFile) -> None:
        file.close()
        _unlink(file.path)
        _HELD.discard(file.path)

    def _set_aside(self, path: Path) -> None:
        """Keep the last damaged file, to be looked at."""
        with suppress(OSError):
            path.replace(self._directory / _SET_ASIDE)
        _unlink(path)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()
