"""Walks a listing chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from agenttrace_server.background import end_task
from agenttrace_server.read_records import Page

RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


async def pages(
    fetch: Callable[[PositionT | None, int], Coroutine[Any, Any, Page[RowT, PositionT]]],
    after: PositionT | None,
    *,
    size: int,
    limit: int | None,
) -> AsyncGenerator[Page[RowT, PositionT], None]:
    """Yield pages until the listing ends or `limit` rows were given; at least one, which may be empty.

    Where the limit ends the listing, its last page still tells where it would go on. Who takes a second page reads on:
    from then on the next one is fetched while the one before is written, so that the database and the service work at
    the same time. A reader that stops has one page waiting, and holds no connection. To be closed by its user.
    """
    ahead: asyncio.Task[Page[RowT, PositionT]] | None = None
    left = limit
    reads_on = False
    try:
        while True:
            page = await (ahead or fetch(after, _size(size, left)))
            ahead = None
            after = page.next
            left = None if left is None else left - len(page.rows)
            is_last = after is None or left == 0
            if reads_on and not is_last:
                ahead = asyncio.create_task(fetch(after, _size(size, left)))
            yield page
            if is_last:
                return
            reads_on = True
    finally:
        if ahead:
            await end_task(ahead)
            if not ahead.cancelled():
                ahead.exception()  # taken, for nobody asks for this page any more


def _size(size: int, left: int | None) -> int:
    return size if left is None else min(size, left)
