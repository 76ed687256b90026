"""Tasks that run beside the calls."""

from __future__ import annotations

import asyncio
from typing import Any

# A task that does not end in as many seconds is left to the end of the process.
_TRIES = 10


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended, so that it leaves no connection behind half used.

    Again until it has: psycopg waits with asyncio.wait_for, which before Python 3.12 loses a cancellation that comes
    together with the answer.
    """
    for _ in range(_TRIES):
        task.cancel()
        await asyncio.wait([task], timeout=1)
        if task.done():
            return
