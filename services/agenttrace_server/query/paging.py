"""Walks a listing chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from agenttrace_server.read_records import Page

RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


async def pages(
    fetch: Callable[[PositionT | None, int], Awaitable[Page[RowT, PositionT]]],
    after: PositionT | None,
    *,
    size: int,
    limit: int | None,
) -> AsyncIterator[Page[RowT, PositionT]]:
    """Yield pages until the listing ends or `limit` rows were given; at least one, which may be empty.

    Each page is fetched when the reader is ready for it. Where the limit ends the listing, its last page still
    tells where it would go on.
    """
    left = limit
    while True:
        page = await fetch(after, size if left is None else min(size, left))
        yield page
        after = page.next
        left = None if left is None else left - len(page.rows)
        if after is None or left == 0:
            return
