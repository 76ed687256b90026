"""A file that is written in parts and can be gone on with after any interruption, `kill -9` included.

Data goes to `FILE.part`. After each batch its bytes are forced to the disk, and only then
`FILE.checkpoint` says how many of them count and where to go on; what was written behind that is cut
off before going on. When all is there, the file takes its own name: who sees it sees all of it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from agenttrace.errors import InvalidValueError

try:
    import fcntl
except ImportError:  # Windows: there the second of two writers is not noticed
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


@dataclass(slots=True)
class Checkpoint:
    """How far an export has come.

    Attributes:
        request: What was asked for, to notice that something else is asked for now.
        since: The first instant of the runs in RFC 3339; empty for none.
        until: The first instant after them: runs that start during the export are not in it.
        row_count: The rows that are on the disk.
        byte_count: The bytes they take.
        last_start_ns: The start of the last run, in nanoseconds since 1970; 0 before the first.
        last_run_id: The last run.
    """

    request: str
    since: str
    until: str
    row_count: int = 0
    byte_count: int = 0
    last_start_ns: int = 0
    last_run_id: str = ""


class PartFile:
    """The file while it is not complete; a context manager that holds it against a second writer."""

    def __init__(self, target: Path, checkpoint: Checkpoint) -> None:
        self.target = target
        self.checkpoint = checkpoint
        self.part, self._state = _beside(target)
        self._file: IO[bytes] = self.part.open("ab")

    @staticmethod
    def interrupted(target: Path) -> Checkpoint | None:
        """Return how far an interrupted export to this file has come; None where there is none."""
        part, state = _beside(target)
        try:
            found = Checkpoint(**json.loads(state.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise InvalidValueError(f"{state} is no checkpoint of ours: --force begins anew") from None
        size = part.stat().st_size if part.exists() else 0
        if size < found.byte_count:
            raise InvalidValueError(f"{part} is shorter than {state} says: --force begins anew")
        return found

    def __enter__(self) -> Self:
        try:
            self._lock()
        except BlockingIOError:
            self._file.close()
            raise InvalidValueError(f"another export is writing {self.part}") from None
        if self._file.tell() < self.checkpoint.byte_count:
            self._file.close()
            raise InvalidValueError(f"{self.part} is not as its checkpoint says: try again")
        # Behind the checkpoint may lie a part of a batch that was cut off.
        self._file.truncate(self.checkpoint.byte_count)
        self._save()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, row: bytes) -> None:
        """Add a row; it counts from the next commit on."""
        self._file.write(row)

    def commit(self, row_count: int, last_start_ns: int, last_run_id: str) -> None:
        """Make what was written since the last commit last."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.checkpoint.row_count += row_count
        self.checkpoint.byte_count = self._file.tell()
        self.checkpoint.last_start_ns = last_start_ns
        self.checkpoint.last_run_id = last_run_id
        self._save()

    def finish(self, convert: Callable[[Path, Path], None] | None) -> None:
        """Give the complete file its name, converted from the part where that is another form."""
        self._file.flush()
        source = self.part
        if convert is not None:
            source = self.target.with_name(self.target.name + ".converting")
            convert(self.part, source)
        # First: a part without a checkpoint is begun anew, a checkpoint without its part is an error.
        self._state.unlink()
        source.replace(self.target)
        self.part.unlink(missing_ok=True)

    def _lock(self) -> None:
        if fcntl is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _save(self) -> None:
        made = self._state.with_name(self._state.name + ".new")
        made.write_text(json.dumps(asdict(self.checkpoint), indent=2) + "\n")
        made.replace(self._state)


def _beside(target: Path) -> tuple[Path, Path]:
    return target.with_name(target.name + ".part"), target.with_name(target.name + ".checkpoint")
