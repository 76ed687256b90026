"""How a broken listing goes on: the part of it that does no input or output.

The synchronous client drives it now; an asynchronous one can drive the same.
"""

from __future__ import annotations

import random
from typing import Any

from agenttrace.errors import CallError, RateLimitedError, UnavailableError

_MOST_TRIES = 5


class Resumption:
    """Decides whether and when a broken stream is opened again.

    Again if it brought anything since the last time, or if the server says when; at most five times in
    a row without progress. So a server that is not there is told of at once.
    """

    def __init__(self) -> None:
        self._progressed = False
        self._tries = 0

    def progressed(self) -> None:
        """Note that the stream brought something."""
        self._progressed = True
        self._tries = 0

    def delay_seconds(self, error: CallError) -> float:
        """Return how long to wait before the stream is opened again, or raise the error."""
        asked = error.retry_after_seconds
        passing = isinstance(error, UnavailableError) or (isinstance(error, RateLimitedError) and asked is not None)
        if not passing or not (self._progressed or asked is not None) or self._tries >= _MOST_TRIES:
            raise error
        self._tries += 1
        return max(asked or 0.0, random.uniform(0.05, 0.1) * (1 << self._tries))  # noqa: S311


class Listing:
    """One listing over as many streams as it takes: knows the request that goes on where the last ended."""

    def __init__(self, request: Any, items: str) -> None:
        self.request = request
        self._items = items
        self.over = False

    def take(self, chunk: Any) -> list[Any]:
        """Return the items of a chunk, and note where the listing goes on after it."""
        items = list(getattr(chunk, self._items))
        self.request.page_token = chunk.next_page_token
        if self.request.limit:
            self.request.limit -= len(items)
            # 0 would mean all.
            self.over = self.request.limit <= 0
        self.over = self.over or not chunk.next_page_token
        return items
