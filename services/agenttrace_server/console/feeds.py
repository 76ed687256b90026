"""Changes of runs for live pages: one watch for all pages that show the same to the same key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import aclosing, asynccontextmanager

from agenttrace import AgentTraceError, AsyncQueryClient
from agenttrace.filters import RunFilters
from agenttrace.v1.run_pb2 import RunSummary

# The query service says something at least every 15 s.
_SILENCE_SECONDS = 20.0


class Mailbox:
    """What one page has not been told yet: of each run only how it is now, and of no more runs than it shows."""

    def __init__(self, most: int) -> None:
        self.news = asyncio.Event()
        self._overflowed = False
        self._most = most
        self._runs: dict[str, RunSummary] = {}

    def put(self, summary: RunSummary) -> None:
        """Add a run, in place of what was said of it."""
        if len(self._runs) < self._most or summary.run.run_id in self._runs:
            self._runs[summary.run.run_id] = summary
        else:
            self._overflowed = True
        self.news.set()

    def take(self) -> list[RunSummary] | None:
        """Return all of it, and empty it; None where there was too much to hold: the page is to be read anew."""
        taken, overflowed = list(self._runs.values()), self._overflowed
        self._runs, self._overflowed = {}, False
        self.news.clear()
        return None if overflowed else taken


class Feed:
    """One watch, and the mailboxes it is told to."""

    def __init__(self, client: AsyncQueryClient, filters: RunFilters) -> None:
        self.mailboxes: set[Mailbox] = set()
        self.ready = asyncio.Event()
        self.ended: AgentTraceError | None = None
        self._heard = time.monotonic()
        self.task = asyncio.create_task(self._read(client, filters))

    @property
    def is_silent(self) -> bool:
        """Whether the query service has said nothing for so long that it must be gone."""
        return time.monotonic() - self._heard > _SILENCE_SECONDS

    def wake(self) -> None:
        """Let every page look what there is."""
        self.ready.set()
        for mailbox in self.mailboxes:
            mailbox.news.set()

    async def _read(self, client: AsyncQueryClient, filters: RunFilters) -> None:
        try:
            async with aclosing(client.watch(**filters).events()) as events:
                async for event in events:
                    self._heard = time.monotonic()
                    self.ready.set()  # the first is a checkpoint: from it on nothing is missed
                    for summary in event.runs:
                        for mailbox in self.mailboxes:
                            mailbox.put(summary)
        except AgentTraceError as error:
            self.ended = error
        finally:
            self.wake()


class Feeds:
    """The watches that live pages share."""

    def __init__(self) -> None:
        self.draining = False
        self._feeds: dict[Hashable, Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def drain(self) -> None:
        """Let every live page end."""
        self.draining = True
        for feed in self._feeds.values():
            feed.wake()

    @asynccontextmanager
    async def following(
        self, client: AsyncQueryClient, key: Hashable, filters: RunFilters, *, most: int
    ) -> AsyncIterator[tuple[Feed, Mailbox]]:
        """Tell a mailbox of changes for as long as the block runs.

        Args:
            client: Reads them.
            key: Pages with the same one see the same: the visitor's key and the filters.
            filters: Which runs.
            most: How many runs the mailbox holds.
        """
        feed = self._feeds.get(key)
        if feed is None or feed.task.done():
            feed = self._feeds[key] = Feed(client, filters)
        mailbox = Mailbox(most)
        feed.mailboxes.add(mailbox)
        try:
            yield feed, mailbox
        finally:
            feed.mailboxes.discard(mailbox)
            if not feed.mailboxes:
                feed.task.cancel()
                if self._feeds.get(key) is feed:
                    del self._feeds[key]
