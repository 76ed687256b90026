"""The hub ends when it is told to, whatever its poller is doing at that moment."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from agenttrace_server.errors import Draining
from agenttrace_server.query.watch import CloseReason, WatchHub
from agenttrace_server.read_records import ChangePosition
from agenttrace_server.store.changes import Bounds, Changes, ChangeStore


class Slow:
    """Stands for a database that takes its time."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.cancellations = 0

    async def bounds(self, project_id: int) -> Bounds:
        self.asked.set()
        await self.answer.wait()
        return Bounds(7, 7, 0, is_standby=False)

    async def behind(self, project_id: int, position: ChangePosition, limit: int) -> Changes:
        """Lose one cancellation, as asyncio.wait_for does before Python 3.12 when the answer comes with it."""
        self.asked.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancellations += 1
            if self.cancellations > 1:
                raise
            return Changes(frozenset(), position, more=False)
        raise AssertionError


def test_a_poller_that_loses_its_cancellation_ends_all_the_same() -> None:
    async def act() -> None:
        changes = Slow()
        changes.answer.set()
        hub = WatchHub(cast("ChangeStore", changes), poll_seconds=0.01)
        await hub.start()
        async with hub.mailbox(1) as mailbox:
            changes.asked.clear()
            await changes.asked.wait()

            async with asyncio.timeout(5):
                await hub.stop()

            assert changes.cancellations == 2
            assert mailbox.close_reason is CloseReason.DRAINING

    asyncio.run(act())


def test_a_watch_that_begins_while_the_hub_drains_is_refused() -> None:
    async def act() -> None:
        changes = Slow()
        hub = WatchHub(cast("ChangeStore", changes))

        async def watch() -> None:
            async with hub.mailbox(1):
                raise AssertionError

        begun = asyncio.create_task(watch())
        await changes.asked.wait()
        hub.drain()
        changes.answer.set()

        with pytest.raises(Draining):
            await begun

    asyncio.run(act())
