"""Prints rows: as columns for people, as JSON for machines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def print_rows(rows: Sequence[DataclassInstance], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows with all their fields as JSON, or the given columns with a heading."""
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    lines = [[name.replace("_", " ") for name in columns]]
    lines += [[_text(getattr(row, name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def print_json(value: Any) -> None:
    """Print a value; times are RFC 3339."""
    print(json.dumps(value, indent=2, default=datetime.isoformat))


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ",".join(value)
    return "-" if value is None else str(value)
