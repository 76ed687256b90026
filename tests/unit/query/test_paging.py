"""A listing ends cleanly, with and without a limit."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from agenttrace_server.query.paging import pages
from agenttrace_server.read_records import Page


def listed(total: int, *, size: int, limit: int | None = None) -> list[tuple[list[int], int | None]]:
    """The pages of the numbers up to a total."""

    async def fetch(after: int | None, count: int) -> Page[int, int]:
        begin = 0 if after is None else after + 1
        rows = list(range(begin, min(begin + count, total)))
        return Page(rows, rows[-1] if rows and rows[-1] < total - 1 else None)

    async def walk() -> list[tuple[list[int], int | None]]:
        return [(list(page.rows), page.next) async for page in pages(fetch, None, size=size, limit=limit)]

    return asyncio.run(walk())


@pytest.mark.parametrize(
    ("total", "size", "expected"),
    [
        (0, 2, [([], None)]),
        (1, 2, [([0], None)]),
        (2, 2, [([0, 1], None)]),
        (3, 2, [([0, 1], 1), ([2], None)]),
        (4, 2, [([0, 1], 1), ([2, 3], None)]),
    ],
)
def test_the_last_page_tells_the_end(total: int, size: int, expected: list[tuple[list[int], int | None]]) -> None:
    assert listed(total, size=size) == expected


def test_a_limit_ends_the_listing_and_still_tells_where_it_goes_on() -> None:
    assert listed(9, size=2, limit=3) == [([0, 1], 1), ([2], 2)]


def test_a_limit_that_is_the_whole_listing_ends_it() -> None:
    assert listed(4, size=2, limit=4) == [([0, 1], 1), ([2, 3], None)]


def test_empty_pages_do_not_end_a_listing() -> None:
    """Behind filters without an index a page may have nothing and still know where to go on."""
    answers: list[Page[int, int]] = [Page([], 1), Page([], 2), Page([7], None)]

    async def fetch(after: int | None, count: int) -> Page[int, int]:
        return answers.pop(0)

    async def walk() -> list[list[int]]:
        return [list(page.rows) async for page in pages(fetch, None, size=10, limit=5)]

    assert asyncio.run(walk()) == [[], [], [7]]


def test_who_takes_a_second_page_has_the_third_fetched_meanwhile_and_leaves_nothing_behind() -> None:
    fetched: list[int | None] = []
    never = asyncio.Event()
    cancelled: list[bool] = []

    async def fetch(after: int | None, count: int) -> Page[int, int]:
        fetched.append(after)
        if after == 2:
            try:
                await never.wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise
        return Page([after or 0], 1 if after is None else after + 1)

    async def walk() -> list[list[int | None]]:
        seen = []
        async with aclosing(pages(fetch, None, size=1, limit=None)) as listed:
            for _ in range(2):
                await anext(listed)
                await asyncio.sleep(0)
                seen.append(list(fetched))
        return seen

    assert asyncio.run(walk()) == [[None], [None, 1, 2]]
    assert cancelled == [True]


def test_a_page_that_can_not_be_fetched_ahead_fails_where_it_is_asked_for() -> None:
    async def fetch(after: int | None, count: int) -> Page[int, int]:
        if after == 2:
            raise LookupError
        return Page([after or 0], 1 if after is None else after + 1)

    async def walk() -> list[int]:
        seen: list[int] = []
        try:
            async for page in pages(fetch, None, size=1, limit=None):
                await asyncio.sleep(0)
                seen.extend(page.rows)
        except LookupError:
            seen.append(-1)
        return seen

    assert asyncio.run(walk()) == [0, 1, -1]
