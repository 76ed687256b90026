"""The fenced blocks of a page of docs/, for tests that do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1] / "docs"
_SECTION = re.compile(r"^## +(.*)$", re.MULTILINE)
_FENCE = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_ENDS = frozenset({"|", "&&", "&", ";", ">"})


class Block(NamedTuple):
    """A fenced block of a page, and the heading that it stands below; `word` follows its language."""

    section: str
    language: str
    word: str
    text: str

    def commands(self) -> list[str]:
        """The lines of a shell block, those that a backslash continues in one."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip()]


def fenced(page: str) -> list[Block]:
    """Every block of a page that says its language, in their order."""
    first, *rest = _SECTION.split((DOCS / page).read_text())
    sections = [("", first), *zip(rest[::2], rest[1::2], strict=True)]
    return [Block(section, *found) for section, text in sections for found in _FENCE.findall(text)]


def shell(page: str) -> list[Block]:
    return [block for block in fenced(page) if block.language == "sh"]


def told_commands(page: str, section: str) -> list[str]:
    """The commands of a section of a page."""
    return [command for block in shell(page) if block.section == section for command in block.commands()]


def blocks(page: str) -> list[tuple[str, str]]:
    """The word behind the language and the text of each block that has one, in their order."""
    return [(block.word, block.text) for block in fenced(page) if block.word]


def block(page: str, word: str) -> str:
    """The one block of a page that has this word."""
    (text,) = [text for found, text in blocks(page) if found == word]
    return text


def call(command: str) -> list[str]:
    """The program that a command calls first, and its arguments."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    while words and (_ASSIGNMENT.match(words[0]) or words[0] == "until"):
        del words[0]
    return words[: min((words.index(mark) for mark in _ENDS if mark in words), default=len(words))]
