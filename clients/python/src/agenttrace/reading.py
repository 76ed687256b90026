"""Listings and watches as iterators, and the connection they are read over."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Generic, Self

import grpc

from agenttrace.channel import READER_OPTIONS, Option, authorization, open_channel
from agenttrace.errors import CallError
from agenttrace.listing import AnswerT, Call, Cursor, ItemT, Page, Resumption
from agenttrace.queries import SERVICE
from agenttrace.rpc_status import error_of
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace.watching import RECONNECT_SECONDS, WatchEvent, WatchProgress

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


class Connection:
    """Calls the query service; a call that fails raises a CallError."""

    def __init__(
        self,
        endpoint: str,
        api_key: str,
        timeout_seconds: float,
        root_certificates: str | os.PathLike[str] | None,
        options: Sequence[Option],
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.closed = False
        self._metadata = authorization(api_key)
        self._channel = open_channel(endpoint, root_certificates, (*READER_OPTIONS, *options))

    def call(self, call: Call[AnswerT]) -> AnswerT:
        """Make a call that has one answer."""
        method, request, answer = call
        make: Callable[..., AnswerT] = self._channel.unary_unary(f"/{SERVICE}/{method}", _serialized, _parser(answer))
        try:
            return make(request, timeout=self.timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from None

    def stream(self, call: Call[AnswerT]) -> Generator[AnswerT, None, None]:
        """Make a call that has a stream of answers; closing the generator ends it."""
        method, request, answer = call
        make: Callable[..., Any] = self._channel.unary_stream(f"/{SERVICE}/{method}", _serialized, _parser(answer))
        stream = make(request, metadata=self._metadata)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise error_of(error) from None
        finally:
            stream.cancel()

    def check_open(self, error: CallError) -> None:
        """Raise a stream's error if that is because we were closed: it is not opened again."""
        if self.closed:
            raise error

    def close(self) -> None:
        """End what is open. Closing again does nothing."""
        self.closed = True
        self._channel.close()


class Listing(Iterator[ItemT], Generic[ItemT]):
    """A listing that is read while it is iterated over; one that breaks goes on where it was.

    Iterate over its items, or over its pages: once.
    """

    def __init__(self, connection: Connection, cursor: Cursor[ItemT]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._items = (item for page in self.pages() for item in page.items)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        return next(self._items)

    def pages(self) -> Generator[Page[ItemT], None, None]:
        """Iterate over the pages as the server sends them, each with the token that goes on after it."""
        resumption = Resumption()
        while not self._cursor.over:
            try:
                for chunk in self._connection.stream(self._cursor.call):
                    resumption.progressed()
                    yield self._cursor.take(chunk)
            except CallError as error:
                self._connection.check_open(error)
                time.sleep(resumption.delay_seconds(error))
            else:
                return

    def page(self) -> Page[ItemT]:
        """Return all up to the listing's `limit` as one page, with the token that goes on after it.

        It is shorter, or empty, where the client's timeout is over before so many were found.
        """
        items: list[ItemT] = []
        token, until = "", time.monotonic() + self._connection.timeout_seconds
        with closing(self.pages()) as pages:
            for page in pages:
                items += page.items
                token = page.next_page_token
                if time.monotonic() > until:
                    break
        return Page(items, token)


class Watch(Iterator[RunSummary]):
    """Runs as they change, without end; a watch that breaks goes on where it was.

    Iterate over its runs, or over its events: once.

    Attributes:
        resume_token: A watch that is given it goes on after the runs that this one has told.
    """

    def __init__(self, connection: Connection, progress: WatchProgress) -> None:
        self._connection = connection
        self._progress = progress
        self._runs = self._each_run()
        self.resume_token: str = progress.call.request.resume_token

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> RunSummary:
        return next(self._runs)

    def events(self) -> Generator[WatchEvent, None, None]:
        """Iterate over events; the first is a checkpoint: from it on nothing is missed."""
        while True:
            try:
                for message in self._connection.stream(self._progress.call):
                    event = self._progress.take(message)
                    yield event
                    self.resume_token = event.resume_token
            except CallError as error:
                self._connection.check_open(error)
                time.sleep(self._progress.delay_seconds(error))
            else:
                time.sleep(RECONNECT_SECONDS)  # told to come back: the server drains, or we read too slowly

    def _each_run(self) -> Iterator[RunSummary]:
        for event in self.events():
            yield from event.runs


def _serialized(message: Any) -> bytes:
    request: bytes = message.SerializeToString()
    return request


def _parser(answer: Any) -> Callable[[bytes], Any]:
    parse: Callable[[bytes], Any] = answer.FromString
    return parse
