"""How a listing is read and how a broken one goes on: the part that does no input or output."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from agenttrace.errors import CallError, RateLimitedError, UnavailableError

AnswerT = TypeVar("AnswerT")
ItemT = TypeVar("ItemT")

LISTING_TRIES = 8
_LONGEST_SECONDS = 5.0
# How a stream ends that something on the way cut off, rather than a server of ours.
_CUT_OFF = frozenset({"UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"})


class Call(NamedTuple, Generic[AnswerT]):
    """One call of the query service: which, with what, and what it answers with."""

    method: str
    request: Any
    answer: type[AnswerT]


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """A part of a listing.

    Attributes:
        items: What it holds; may be empty although the listing goes on.
        next_page_token: Where the listing goes on; empty at its end. It belongs to the filters it was
            made for: tell times as datetimes then, because "an hour ago" is another time later.
    """

    items: list[ItemT]
    next_page_token: str


class Resumption:
    """Decides whether and when a broken stream is opened again.

    Again if any came before, or if the server says when; at most so many times in a row without
    progress. So a server that is not there is told of at once.
    """

    def __init__(self, most_tries: float = LISTING_TRIES) -> None:
        self._most_tries = most_tries
        self._progressed = False
        self.tries = 0

    def progressed(self) -> None:
        """Note that the stream brought something."""
        self._progressed = True
        self.tries = 0

    def delay_seconds(self, error: CallError) -> float:
        """Return how long to wait before the stream is opened again, or raise the error."""
        asked = error.retry_after_seconds
        if not _passes(error) or not (self._progressed or asked is not None) or self.tries >= self._most_tries:
            raise error
        self.tries += 1
        longest = min(_LONGEST_SECONDS, 0.1 * 2.0 ** min(self.tries, 10))
        # Jitter, so that the readers of a server that restarts do not come back in the same moment.
        return max(asked or 0.0, random.uniform(longest / 2, longest))  # noqa: S311


def _passes(error: CallError) -> bool:
    """Whether the same call can succeed later: an outage, or a connection that broke."""
    if isinstance(error, RateLimitedError):
        return error.retry_after_seconds is not None
    return isinstance(error, UnavailableError) or (not error.reason and error.status in _CUT_OFF)


class Cursor(Generic[ItemT]):
    """One listing over as many streams as it takes: knows the call that goes on where the last ended."""

    def __init__(self, method: str, request: Any, answer: type[Any], items: str) -> None:
        self.call: Call[Any] = Call(method, request, answer)
        self.over = False
        self._items = items

    def take(self, chunk: Any) -> Page[ItemT]:
        """Return the page that a chunk is, and note where the listing goes on after it."""
        request = self.call.request
        items: list[ItemT] = list(getattr(chunk, self._items))
        request.page_token = chunk.next_page_token
        if request.limit:
            request.limit -= len(items)
            # 0 would mean all.
            self.over = request.limit <= 0
        self.over = self.over or not chunk.next_page_token
        return Page(items, chunk.next_page_token)
