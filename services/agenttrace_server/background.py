"""Tasks that run beside the calls."""

from __future__ import annotations

import asyncio


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended, so that it leaves no connection behind half used.

    Again until it has: psycopg waits with asyncio.wait_for, which before Python 3.12 loses a cancellation that comes
    together with the answer.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
