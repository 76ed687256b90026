"""The places in which a text that was sent could turn up."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from agenttrace_server.errors import StartupError
from agenttrace_server.store.search import search


@dataclass(slots=True)
class Place:
    """A place. `looked`: what of it was looked through, "" for nothing; `found`: marks, each with where it was."""

    name: str
    looked: str = ""
    found: list[tuple[str, str]] = field(default_factory=list)


class LogFiles:
    """Log files, of which only what is written from now on counts."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._begins = {path: _size(path) for path in paths}

    def look(self, seed: str) -> Place:
        """Look through what was written since."""
        place = Place("logs", _count(len(self._begins), "file"))
        for path, begin in self._begins.items():
            # A file that was rotated meanwhile is shorter: it is read from its start.
            with path.open("rb") as file:
                file.seek(begin if _size(path) >= begin else 0)
                place.found += [(mark, path.name) for mark in marks(seed, file.read().decode(errors="replace"))]
        return place


def look_at_replies(seed: str, replies: Sequence[str]) -> Place:
    """Look through answers and errors."""
    found = [(mark, "reply") for text in replies for mark in marks(seed, text)]
    return Place("replies and errors", _count(len(replies), "text"), found)


def look_at_metrics(seed: str, urls: Sequence[str]) -> Place:
    """Look through what the URLs serve."""
    place = Place("metrics", _count(len(urls), "page"))
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  the operator's own URL
                text = answer.read().decode(errors="replace")
        except (URLError, ValueError):
            raise StartupError("a URL of --metrics-url can not be read") from None
        place.found += [(mark, url) for mark in marks(seed, text)]
    return place


def look_at_database(seed: str, url: str) -> Place:
    """Look through every row of every table; not at all without a URL."""
    if not url:
        return Place("database")
    tables, found = search(url, seed)
    return Place("database", _count(tables, "table"), [(item.text, item.table) for item in found])


def marks(seed: str, text: str) -> Iterable[str]:
    """Return the marks in a text, each once."""
    return dict.fromkeys(re.findall(f"{seed}[0-9]*", text.lower()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        raise StartupError("a file of --log-file can not be read") from None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
