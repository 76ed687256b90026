"""The read client: runs, steps, failures and statistics from the query service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from agenttrace import queries
from agenttrace.filters import FailureFilters, RunFilters, StepFilters
from agenttrace.reading import Connection, Listing, Watch

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


class QueryClient:
    """Reads from the query service. Results are the messages of the contract.

    Every call may raise a CallError; see agenttrace.errors. It may be used from several threads.

    Args:
        endpoint: The query service as `host:port`; AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052.
            Loopback is plaintext, everything else TLS; `http://host:port` is plaintext anywhere.
        api_key: The key; AGENTTRACE_API_KEY, else none.
        timeout_seconds: How long a call that is no listing may take.
        root_certificates: A PEM file with the certificates that the server's must lead to;
            AGENTTRACE_ROOT_CERTIFICATES, else those that gRPC brings.
        options: Channel arguments of gRPC, such as ("grpc.keepalive_time_ms", 30_000).

    Raises:
        InvalidValueError: The file of certificates cannot be read.
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
        self._connection = Connection(
            self.endpoint, queries.key_of(api_key), timeout_seconds, root_certificates, options
        )

    def runs(
        self, *, limit: int = 0, page_size: int = 0, page_token: str = "", **filters: Unpack[RunFilters]
    ) -> Listing[RunSummary]:
        """List runs, newest start first.

        Args:
            limit: The most runs; 0 means all.
            page_size: The most runs the server sends at once, up to 200; 0 leaves it to the server.
            page_token: Where to go on: the next_page_token of a page of the same filters.
            filters: Which runs; see RunFilters.
        """
        return Listing(self._connection, queries.runs(filters, limit, page_size, page_token))

    def run(self, run_id: str) -> query.GetRunResponse:
        """Return a run with all its steps and failures, and how complete it is.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The id is no UUID.
        """
        detail = self._connection.call(queries.run(run_id))
        steps, failures = queries.other_steps(detail), queries.all_failures(detail)
        queries.complete(
            detail,
            [*Listing(self._connection, steps)] if steps else [],
            [*Listing(self._connection, failures)] if failures else [],
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
    ) -> Listing[Step]:
        """List the steps of a run in their order, or those of many, newest run first.

        Args:
            run_id: The run; none means across runs.
            runs: Of which runs; not together with run_id.
            limit: The most steps; 0 means all.
            page_size: The most steps the server sends at once, up to 1,000; 0 leaves it to the server.
            page_token: Where to go on: the next_page_token of a page of the same filters.
            filters: Which steps; see StepFilters.
        """
        return Listing(self._connection, queries.steps(run_id, filters, runs, limit, page_size, page_token))

    def failures(
        self,
        run_id: str = "",
        *,
        limit: int = 0,
        page_size: int = 0,
        page_token: str = "",
        **filters: Unpack[FailureFilters],
    ) -> Listing[FailureDetail]:
        """List failures, latest first, of one run or of all.

        Args:
            run_id: The run; none means across runs.
            limit: The most failures; 0 means all.
            page_size: The most failures the server sends at once, up to 200; 0 leaves it to the server.
            page_token: Where to go on: the next_page_token of a page of the same filters.
            filters: Which failures; see FailureFilters.
        """
        return Listing(self._connection, queries.failures(run_id, filters, limit, page_size, page_token))

    def stats(
        self, *, group_by: str = "", bucket: dt.timedelta | None = None, **filters: Unpack[RunFilters]
    ) -> query.GetStatsResponse:
        """Return totals, rates, percentiles and breakdowns; of the last 24 hours unless `since` says more.

        Args:
            group_by: "agent", "agent_version", "environment", "step_type", "model" or "tool".
            bucket: The width of time buckets; none without.
            filters: Which runs; see RunFilters.
        """
        return self._connection.call(queries.stats(filters, group_by, bucket))

    def watch(self, *, resume_token: str = "", **filters: Unpack[RunFilters]) -> Watch:
        """Iterate over runs as they start, progress and end, without end.

        No change is missed, and none told twice by the same watch: changes of a run that come within
        the same moment are told as one.

        Args:
            resume_token: Where to go on: that of an earlier watch. Empty means from now on.
            filters: Which runs; see RunFilters.

        Raises:
            PreconditionError: What changed since is no longer kept: list, then watch anew.
        """
        return Watch(self._connection, queries.watch(filters, resume_token))

    def failure_codes(self) -> list[FailureCode]:
        """Return the operator's catalogue: what a person reads beside the code of a failure."""
        return list(self._connection.call(queries.failure_codes()).failure_codes)

    def close(self) -> None:
        """End the connection and what is open on it. Closing again does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
