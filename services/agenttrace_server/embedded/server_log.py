"""The file PostgreSQL's programs write to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CAUSE = re.compile(r"\b(?:FATAL|PANIC|error):\s+(.+)")


class ServerLog:
    """The log at `path`, readable for its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def appending(self) -> Iterator[int]:
        """Yield a descriptor to append by, which a program can write to whatever account it runs as."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """Return the position at which the next line will be written."""
        return self.path.stat().st_size if self.path.exists() else 0

    def text(self, *, since: int) -> str:
        """Return what was written from position `since` on."""
        with self.path.open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")

    def reason(self, *, since: int) -> str:
        """Return in one line why a program failed, as far as it said so."""
        text = self.text(since=since)
        # The first cause: what follows it are consequences.
        if cause := _CAUSE.search(text):
            return cause.group(1).strip()
        lines = text.strip().splitlines()
        return lines[-1].strip() if lines else "it did not say why"
