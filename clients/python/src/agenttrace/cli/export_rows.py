"""What an export reads: runs in the order of a listing, each whole, from where an earlier one stopped."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from agenttrace.errors import CallError, NotFoundError
from agenttrace.v1.query_service_pb2 import GetRunResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.cli.part_file import Checkpoint
    from agenttrace.client import QueryClient
    from agenttrace.filters import RunFilters
    from agenttrace.v1.run_pb2 import RunSummary

# A batch is in memory at once, and a run may have ten thousand steps.
_BATCH_RUNS = 40
_BATCH_SUMMARIES = 200
_CALLS_AT_ONCE = 4
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Row = GetRunResponse
"""A run; without steps, failures and completeness where only runs are exported."""


def batches(
    client: QueryClient, filters: RunFilters, *, runs_only: bool, after: Checkpoint | None = None
) -> Iterator[tuple[list[Row], RunSummary]]:
    """Yield rows, and the last run that each batch covers."""
    size = _BATCH_SUMMARIES if runs_only else _BATCH_RUNS
    with ThreadPoolExecutor(_CALLS_AT_ONCE, "agenttrace-export") as pool:
        for page in client.runs(page_size=size, **_from(filters, after)).pages():
            new = [summary for summary in page.items if after is None or _is_behind(summary, after)]
            if runs_only:
                rows = [Row(run=summary) for summary in new]
            else:
                found = pool.map(lambda summary: _whole(client, summary), new)
                rows = [row for row in found if row is not None]
            if new:
                yield rows, new[-1]


def expected_count(client: QueryClient, filters: RunFilters) -> int | None:
    """Return about how many runs there are; None where the server does not say."""
    told: Any = {"since": _EPOCH, **filters}
    try:
        return client.stats(**told).totals.run_count
    except CallError:
        return None  # such as for a filter that is too expensive to count by


def start_ns(summary: RunSummary) -> int:
    """Return when a run started, in nanoseconds since 1970."""
    return summary.run.start_time.ToNanoseconds()


def _from(filters: RunFilters, after: Checkpoint | None) -> RunFilters:
    """Return filters for what comes behind a checkpoint.

    By time instead of by page token: an export may go on after weeks, at a server with another key for
    its tokens.
    """
    if after is None or not after.last_run_id:
        return filters
    # The bound excludes its instant; others may have started in that of the last run.
    until = _EPOCH + dt.timedelta(microseconds=after.last_start_ns // 1_000 + 1)
    narrowed: RunFilters = {**filters, "until": until}
    return narrowed


def _is_behind(summary: RunSummary, after: Checkpoint) -> bool:
    """Whether a run comes behind a checkpoint in the order of listings: latest start, then largest id."""
    if not after.last_run_id:
        return True
    return (start_ns(summary), summary.run.run_id) < (after.last_start_ns, after.last_run_id)


def _whole(client: QueryClient, summary: RunSummary) -> Row | None:
    try:
        return client.run(summary.run.run_id)
    except NotFoundError:
        return None  # erased, or too old, since it was listed
