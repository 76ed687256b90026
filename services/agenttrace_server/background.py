"""Tasks that run beside the calls."""

from __future__ import annotations

import asyncio


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended, so that it leaves no connection behind half used."""
    task.cancel()
    await asyncio.wait([task])
