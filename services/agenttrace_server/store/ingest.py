"""Writes runs, steps and failures in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import psycopg
from psycopg.errors import CheckViolation, UniqueViolation
from psycopg_pool import PoolTimeout

from agenttrace_server import limits
from agenttrace_server.errors import QueryTooExpensive, StoreUnavailable
from agenttrace_server.records import EncodedRow, Outcome, RunMessage
from agenttrace_server.store.errors import RowsRefused
from agenttrace_server.store.ingest_rows import FAILURES, STEPS, write_rows
from agenttrace_server.store.ingest_runs import merge_runs
from agenttrace_server.store.pool import Database

_ATTEMPTS = 5
# Deadlocks and serialization failures; a session that somebody ended; a server that crashed.
_INTERRUPTIONS = ("40", "57P01", "57P02")
_log = logging.getLogger(__name__)


class IngestStore:
    """The way in: what is returned is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(
        self,
        project_id: int,
        runs: Sequence[RunMessage],
        steps: Sequence[EncodedRow],
        failures: Sequence[EncodedRow],
        *,
        merge: bool = False,
    ) -> Outcome:
        """Store what is new; return a verdict for each row once it is committed.

        `merge`: rows may be known already; without it that is found out at the price of a second transaction.
        Raises StoreUnavailable, Overloaded and RowsRefused; then nothing is stored, or all of it where the connection
        was lost with the answer to COMMIT.
        """
        try:
            for _ in range(_ATTEMPTS):
                try:
                    return await self._write_once(project_id, runs, steps, failures, merge=merge)
                except UniqueViolation:
                    merge = True
                except StoreUnavailable as exc:
                    if not _was_interrupted(exc.__cause__):
                        raise
            raise StoreUnavailable
        except QueryTooExpensive as exc:
            # To a client a database too slow to write is one that does not answer: it comes back later.
            raise StoreUnavailable from exc
        except RowsRefused as exc:
            if _lacks_partition(exc.__cause__):
                _log.exception("partition_missing")
                raise StoreUnavailable from exc
            raise

    async def _write_once(
        self,
        project_id: int,
        messages: Sequence[RunMessage],
        steps: Sequence[EncodedRow],
        failures: Sequence[EncodedRow],
        *,
        merge: bool,
    ) -> Outcome:
        async with self._database.transaction() as connection:
            runs = await merge_runs(connection, project_id, messages, (steps, failures), merge=merge)
            # A full run takes no further steps, and only the merge can tell those from stored ones.
            merge = merge or _is_over_full(steps, runs.step_counts)
            return Outcome(
                runs.verdicts,
                await write_rows(connection, STEPS, steps, runs, merge=merge),
                await write_rows(connection, FAILURES, failures, runs, merge=merge),
            )


def _was_interrupted(cause: BaseException | None) -> bool:
    """Whether the same transaction may well pass at once: it gave way to another, or its connection was lost."""
    if not isinstance(cause, psycopg.OperationalError) or isinstance(cause, PoolTimeout):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_INTERRUPTIONS)


def _lacks_partition(cause: BaseException | None) -> bool:
    """Whether a row has no partition to go to, which is no fault of the row: nobody has made the day's."""
    return isinstance(cause, CheckViolation) and cause.diag.constraint_name is None


def _is_over_full(steps: Sequence[EncodedRow], step_counts: Mapping[str, int]) -> bool:
    """Whether a run would pass its limit if all of the steps were new."""
    return len(steps) + max(step_counts.values(), default=0) > limits.STEPS_PER_RUN and any(
        step_counts.get(run_id, 0) + count > limits.STEPS_PER_RUN
        for run_id, count in Counter(step.run_id for step in steps).items()
    )
