"""Serves QueryService: validates, asks a store once, converts back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import grpc.aio

from agenttrace.v1 import query_service_pb2, query_service_pb2_grpc
from agenttrace_server.query import convert, convert_stats
from agenttrace_server.query.follow import Follower
from agenttrace_server.query.page_token import PageTokens, PositionT
from agenttrace_server.query.paging import RowT, pages
from agenttrace_server.query.resume_token import ResumeTokens
from agenttrace_server.read_records import FailurePosition, Page, RunPosition, StepPosition
from agenttrace_server.store.catalogue import CatalogueStore
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.run_details import RunDetailStore
from agenttrace_server.store.runs import RunStore
from agenttrace_server.store.stats import StatsStore
from agenttrace_server.store.steps import StepStore

Context = grpc.aio.ServicerContext[Any, Any]
_SelectionT = TypeVar("_SelectionT")
_Pages = AsyncIterator[Page[RowT, PositionT]]
_PageTokenOf = Callable[[tuple[Any, ...] | None], str]


@dataclass(frozen=True, slots=True)
class Stores:
    """What the servicer reads from."""

    runs: RunStore
    run_details: RunDetailStore
    steps: StepStore
    failures: FailureStore
    stats: StatsStore
    catalogue: CatalogueStore


class QueryServicer(query_service_pb2_grpc.QueryServiceServicer):
    """Serves what was stored. `project_of`: the project that a call may read."""

    def __init__(
        self,
        stores: Stores,
        page_tokens: PageTokens,
        resume_tokens: ResumeTokens,
        follower: Follower,
        *,
        project_of: Callable[[Context], int],
    ) -> None:
        self._stores = stores
        self._page_tokens = page_tokens
        self._resume_tokens = resume_tokens
        self._follower = follower
        self._project_of = project_of

    async def GetRun(
        self, request: query_service_pb2.GetRunRequest, context: Context
    ) -> query_service_pb2.GetRunResponse:
        """Return one run in detail."""
        run_id, project_id = convert.run_id(request), self._project_of(context)
        detail = await self._stores.run_details.get(project_id, run_id)
        token_of = partial(self._page_tokens.encode, convert.steps_listing(project_id, run_id))
        return convert.get_run_response(detail, token_of)

    async def ListRuns(
        self, request: query_service_pb2.ListRunsRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.ListRunsResponse]:
        """Yield runs, newest first."""
        run_filter, paging = convert.list_runs(request)
        async with self._listing(context, paging, RunPosition, self._stores.runs.page, run_filter) as (
            listed,
            token_of,
        ):
            async for page in listed:
                yield convert.list_runs_response(page.rows, token_of(page.next))

    async def ListSteps(
        self, request: query_service_pb2.ListStepsRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.ListStepsResponse]:
        """Yield steps: of one run in their order, or run by run."""
        selected, paging = convert.list_steps(request)
        async with self._listing(context, paging, StepPosition, self._stores.steps.page, selected) as (
            listed,
            token_of,
        ):
            async for page in listed:
                for response in convert.list_steps_responses(page, token_of):
                    yield response

    async def ListFailures(
        self, request: query_service_pb2.ListFailuresRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.ListFailuresResponse]:
        """Yield failures, latest first."""
        selected, paging = convert.list_failures(request)
        page_of = self._stores.failures.page
        async with self._listing(context, paging, FailurePosition, page_of, selected) as (listed, token_of):
            async for page in listed:
                yield convert.list_failures_response(page.rows, token_of(page.next))

    async def GetStats(
        self, request: query_service_pb2.GetStatsRequest, context: Context
    ) -> query_service_pb2.GetStatsResponse:
        """Return statistics."""
        query = convert_stats.get_stats(request, datetime.now(UTC))
        report = await self._stores.stats.report(self._project_of(context), query)
        return convert_stats.get_stats_response(query, report)

    async def WatchRuns(
        self, request: query_service_pb2.WatchRunsRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.WatchRunsResponse]:
        """Yield runs as they change."""
        run_filter, project_id = convert.watch_runs(request), self._project_of(context)
        resume = self._resume_tokens.decode(project_id, request.resume_token)
        async with aclosing(self._follower.events(project_id, run_filter, resume)) as events:
            async for event in events:
                yield convert.watch_response(event, self._resume_tokens.encode(project_id, event.position))

    async def ListFailureCodes(
        self, _: query_service_pb2.ListFailureCodesRequest, __: Context
    ) -> query_service_pb2.ListFailureCodesResponse:
        """Return the catalogue."""
        return convert.list_failure_codes_response(await self._stores.catalogue.entries())

    @asynccontextmanager
    async def _listing(
        self,
        context: Context,
        paging: convert.Paging,
        position: Callable[..., PositionT],
        page_of: Callable[[int, _SelectionT, PositionT | None, int], Coroutine[Any, Any, Page[RowT, PositionT]]],
        selection: _SelectionT,
    ) -> AsyncIterator[tuple[_Pages[RowT, PositionT], _PageTokenOf]]:
        """The pages of what a store lists for a call, and what makes the token of a position in it."""
        project_id = self._project_of(context)
        listing = paging.listing(project_id)
        after = self._page_tokens.decode(listing, paging.token, position)
        fetch = partial(page_of, project_id, selection)
        async with aclosing(pages(fetch, after, size=paging.size, limit=paging.limit)) as listed:
            yield listed, partial(self._page_tokens.encode, listing)
