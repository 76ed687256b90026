"""A mailbox holds what one watch has still to tell, and never more than it may."""

from __future__ import annotations

import asyncio
from uuid import UUID

from agenttrace_server.query.watch import CloseReason, Mailbox
from agenttrace_server.read_records import ChangePosition
from agenttrace_server.store.changes import Changes

BEGIN = ChangePosition(1, 0, 0)


def changes(*ids: int, xid: int) -> Changes:
    return Changes(frozenset(UUID(int=number) for number in ids), ChangePosition(xid, 0, 0), more=False)


def test_a_run_that_changes_often_waits_once_and_with_the_last_position() -> None:
    async def act() -> None:
        mailbox = Mailbox(BEGIN)
        for xid in range(2, 100):
            mailbox.put(changes(7, 8, xid=xid))

        delivery = await mailbox.take(10)

        assert delivery.run_ids == {UUID(int=7), UUID(int=8)}
        assert delivery.position == ChangePosition(99, 0, 0)

    asyncio.run(act())


def test_an_empty_mailbox_gives_the_position_at_the_timeout() -> None:
    async def act() -> None:
        mailbox = Mailbox(BEGIN)
        mailbox.put(changes(xid=5))

        delivery = await mailbox.take(0.01)

        assert (delivery.run_ids, delivery.position) == (frozenset(), ChangePosition(5, 0, 0))

    asyncio.run(act())


def test_what_was_taken_is_not_given_again() -> None:
    async def act() -> None:
        mailbox = Mailbox(BEGIN)
        mailbox.put(changes(7, xid=5))
        await mailbox.take(10)

        assert (await mailbox.take(0.01)).run_ids == frozenset()

    asyncio.run(act())


def test_a_reader_that_is_too_slow_is_closed_and_its_mailbox_stays_bounded() -> None:
    async def act() -> None:
        mailbox = Mailbox(BEGIN)
        for batch in range(100):
            mailbox.put(changes(*range(batch * 1000, batch * 1000 + 1000), xid=batch + 2))

        assert mailbox.close_reason is CloseReason.SLOW_READER
        assert (await mailbox.take(10)).run_ids == frozenset()

    asyncio.run(act())


def test_the_first_reason_to_close_stays() -> None:
    async def act() -> None:
        mailbox = Mailbox(BEGIN)
        mailbox.close(CloseReason.DRAINING)
        mailbox.close(CloseReason.SLOW_READER)

        assert mailbox.close_reason is CloseReason.DRAINING
        await mailbox.take(10)

    asyncio.run(act())
