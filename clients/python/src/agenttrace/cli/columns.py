"""Tables that fit the screen: columns of fixed width, and those that share what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import JustifyMethod

# From this many columns on there is room for more than the most important.
WIDE = 110
# Where there is much to say, ids are whole from this many columns on.
WHOLE_IDS = 140
_GAP = 2
_NARROW_GAP = 1


class Column(NamedTuple):
    """A column: its head, its width (None: what its cells need and is left), and its side."""

    head: str
    width: int | None = None
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], width: int) -> Table:
    """Return a table that is no wider than the screen; cells that do not fit end in a sign."""
    gap = _GAP if width >= WIDE else _NARROW_GAP
    needed = [_needed(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    left = width - gap * (len(columns) - 1) - sum(column.width or 0 for column in columns)
    shares = fair({place: needed[place] for place, column in enumerate(columns) if column.width is None}, left)
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        side: JustifyMethod = "right" if column.right else "left"
        size = column.width or shares[place]
        made.add_column(column.head, width=size, justify=side, no_wrap=True, overflow="ellipsis")
    for row in rows:
        made.add_row(*row)
    return made


def fair(needed: dict[int, int], left: int) -> dict[int, int]:
    """Share out what is left: who needs little gets it, the others get the same."""
    shares: dict[int, int] = {}
    for place in sorted(needed, key=needed.__getitem__):
        shares[place] = max(4, min(needed[place], left // (len(needed) - len(shares))))
        left -= shares[place]
    return shares


def _needed(column: Column, cells: Sequence[str | Text]) -> int:
    widths = (cell.cell_len if isinstance(cell, Text) else cell_len(cell) for cell in cells)
    return max(len(column.head), max(widths, default=0))
