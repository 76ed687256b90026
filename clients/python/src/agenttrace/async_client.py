"""The asynchronous read client; the same calls as agenttrace.client has for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from agenttrace import queries
from agenttrace.async_reading import AsyncConnection, AsyncListing, AsyncWatch
from agenttrace.filters import FailureFilters, RunFilters, StepFilters

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from agenttrace.channel import Option
    from agenttrace.v1 import query_service_pb2 as query
    from agenttrace.v1.failure_pb2 import FailureCode, FailureDetail
    from agenttrace.v1.run_pb2 import RunSummary
    from agenttrace.v1.step_pb2 import Step


class AsyncQueryClient:
    """Reads from the query service within an event loop: `async with`, `await`, `async for`.

    Arguments and results are those of QueryClient. It belongs to the loop that its first call runs in.

    Raises:
        InvalidValueError: The file of certificates cannot be read; raised by the first call.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        root_certificates: str | os.PathLike[str] | None = None,
        options: Sequence[Option] = (),
    ) -> None:
        self.endpoint = queries.endpoint_of(endpoint)
        self._connection = AsyncConnection(
            self.endpoint, queries.key_of(api_key), timeout_seconds, root_certificates, options
        )

    def runs(
        self, *, limit: int = 0, page_size: int = 0, page_token: str = "", **filters: Unpack[RunFilters]
    ) -> AsyncListing[RunSummary]:
        """As QueryClient.runs."""
        return AsyncListing(self._connection, queries.runs(filters, limit, page_size, page_token))

    async def run(self, run_id: str) -> query.GetRunResponse:
        """As QueryClient.run."""
        detail = await self._connection.call(queries.run(run_id))
        steps, failures = queries.other_steps(detail), queries.all_failures(detail)
        queries.complete(
            detail,
            [item async for item in AsyncListing(self._connection, steps)] if steps else [],
            [item async for item in AsyncListing(self._connection, failures)] if failures else [],
        )
        return detail

    def steps(
        self,
        run_id: str = "",
        *,
        runs: RunFilters | None = None,
        limit: int = 0,
        page_size: int = 0,
        page_token: str = "",
        **filters: Unpack[StepFilters],
    ) -> AsyncListing[Step]:
        """As QueryClient.steps."""
        return AsyncListing(self._connection, queries.steps(run_id, filters, runs, limit, page_size, page_token))

    def failures(
        self,
        run_id: str = "",
        *,
        limit: int = 0,
        page_size: int = 0,
        page_token: str = "",
        **filters: Unpack[FailureFilters],
    ) -> AsyncListing[FailureDetail]:
        """As QueryClient.failures."""
        return AsyncListing(self._connection, queries.failures(run_id, filters, limit, page_size, page_token))

    async def stats(
        self, *, group_by: str = "", bucket: dt.timedelta | None = None, **filters: Unpack[RunFilters]
    ) -> query.GetStatsResponse:
        """As QueryClient.stats."""
        return await self._connection.call(queries.stats(filters, group_by, bucket))

    def watch(self, *, resume_token: str = "", **filters: Unpack[RunFilters]) -> AsyncWatch:
        """As QueryClient.watch."""
        return AsyncWatch(self._connection, queries.watch(filters, resume_token))

    async def failure_codes(self) -> list[FailureCode]:
        """As QueryClient.failure_codes."""
        return list((await self._connection.call(queries.failure_codes())).failure_codes)

    async def close(self) -> None:
        """End the connection and what is open on it. Closing again does nothing."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
