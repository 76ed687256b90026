"""Loads the named SQL statements that stand beside the modules that run them."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file_name: str) -> dict[str, str]:
    """Return the statements of a `.sql` file of this package by their names."""
    return parse((resources.files(__package__) / file_name).read_text())


def parse(text: str) -> dict[str, str]:
    """Split a text at its `-- name: …` lines; a name that stands twice is a ValueError."""
    parts = _NAME.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a statement's name stands twice among {sorted(names)}")
    return dict(zip(names, map(str.strip, bodies), strict=True))
