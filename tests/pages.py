"""The fenced blocks of a page of docs/, for tests that do what it says."""

from __future__ import annotations

import re
from pathlib import Path

_DOCS = Path(__file__).parents[1] / "docs"
_FENCE = re.compile(r"^```\w+ (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """The word behind the language and the text of each block that has one, in their order."""
    return [(word, text) for word, text in _FENCE.findall((_DOCS / page).read_text())]


def block(page: str, word: str) -> str:
    """The one block of a page that has this word."""
    (text,) = [text for found, text in blocks(page) if found == word]
    return text
