"""Listings and watches as asynchronous iterators; agenttrace.reading has the same for threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Self

import grpc

from agenttrace.channel import READER_OPTIONS, Option, authorization, open_async_channel
from agenttrace.errors import CallError
from agenttrace.listing import AnswerT, Call, Cursor, ItemT, Page, Resumption
from agenttrace.queries import SERVICE
from agenttrace.rpc_status import error_of
from agenttrace.v1.run_pb2 import RunSummary
from agenttrace.watching import RECONNECT_SECONDS, WatchEvent, WatchProgress

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


class AsyncConnection:
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
        self._open: Callable[[], grpc.aio.Channel] = lambda: open_async_channel(
            endpoint, root_certificates, (*READER_OPTIONS, *options)
        )
        self._opened: grpc.aio.Channel | None = None

    @property
    def _channel(self) -> grpc.aio.Channel:
        # Not before the first call: a channel belongs to the event loop that runs when it is made.
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    async def call(self, call: Call[AnswerT]) -> AnswerT:
        """Make a call that has one answer."""
        method, request, answer = call
        make: Any = self._channel.unary_unary(f"/{SERVICE}/{method}", _serialized, _parser(answer))
        try:
            found: AnswerT = await make(request, timeout=self.timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from None
        return found

    async def stream(self, call: Call[AnswerT]) -> AsyncGenerator[AnswerT, None]:
        """Make a call that has a stream of answers; closing the generator ends it."""
        method, request, answer = call
        make: Any = self._channel.unary_stream(f"/{SERVICE}/{method}", _serialized, _parser(answer))
        stream = make(request, metadata=self._metadata)
        try:
            async for message in stream:
                yield message
        except grpc.RpcError as error:
            raise error_of(error) from None
        finally:
            stream.cancel()

    def check_open(self, error: CallError) -> None:
        """Raise a stream's error if that is because we were closed: it is not opened again."""
        if self.closed:
            raise error

    async def close(self) -> None:
        """End what is open. Closing again does nothing."""
        self.closed = True
        if self._opened is not None:
            await self._opened.close()


class AsyncListing(AsyncIterator[ItemT], Generic[ItemT]):
    """A listing that is read while it is iterated over; one that breaks goes on where it was.

    Iterate over its items, or over its pages: once.
    """

    def __init__(self, connection: AsyncConnection, cursor: Cursor[ItemT]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._items = self._each_item()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        return await anext(self._items)

    async def pages(self) -> AsyncGenerator[Page[ItemT], None]:
        """Iterate over the pages as the server sends them, each with the token that goes on after it."""
        resumption = Resumption()
        while not self._cursor.over:
            try:
                async with aclosing(self._connection.stream(self._cursor.call)) as chunks:
                    async for chunk in chunks:
                        resumption.progressed()
                        yield self._cursor.take(chunk)
            except CallError as error:
                self._connection.check_open(error)
                await asyncio.sleep(resumption.delay_seconds(error))
            else:
                return

    async def page(self) -> Page[ItemT]:
        """Return all up to the listing's `limit` as one page, with the token that goes on after it.

        It is shorter, or empty, where the client's timeout is over before so many were found.
        """
        items: list[ItemT] = []
        token, until = "", time.monotonic() + self._connection.timeout_seconds
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                items += page.items
                token = page.next_page_token
                if time.monotonic() > until:
                    break
        return Page(items, token)

    async def _each_item(self) -> AsyncGenerator[ItemT, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item


class AsyncWatch(AsyncIterator[RunSummary]):
    """Runs as they change, without end; a watch that breaks goes on where it was.

    Iterate over its runs, or over its events: once.

    Attributes:
        resume_token: A watch that is given it goes on after the runs that this one has told.
    """

    def __init__(self, connection: AsyncConnection, progress: WatchProgress) -> None:
        self._connection = connection
        self._progress = progress
        self._runs = self._each_run()
        self.resume_token: str = progress.call.request.resume_token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunSummary:
        return await anext(self._runs)

    async def events(self) -> AsyncGenerator[WatchEvent, None]:
        """Iterate over events; the first is a checkpoint: from it on nothing is missed."""
        while True:
            try:
                async with aclosing(self._connection.stream(self._progress.call)) as messages:
                    async for message in messages:
                        event = self._progress.take(message)
                        yield event
                        self.resume_token = event.resume_token
            except CallError as error:
                self._connection.check_open(error)
                await asyncio.sleep(self._progress.delay_seconds(error))
            else:
                await asyncio.sleep(RECONNECT_SECONDS)  # told to come back: it drains, or we read too slowly

    async def _each_run(self) -> AsyncGenerator[RunSummary, None]:
        async with aclosing(self.events()) as events:
            async for event in events:
                for run in event.runs:
                    yield run


def _serialized(message: Any) -> bytes:
    request: bytes = message.SerializeToString()
    return request


def _parser(answer: Any) -> Callable[[bytes], Any]:
    parse: Callable[[bytes], Any] = answer.FromString
    return parse
