"""Writes runs, steps and failures in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.errors import CheckViolation, UniqueViolation
from psycopg_pool import PoolTimeout

from agenttrace_server import limits
from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import QueryTooExpensive, StoreUnavailable
from agenttrace_server.records import EncodedRow, Outcome, RunMessage
from agenttrace_server.store.errors import RowsRefused
from agenttrace_server.store.ingest_rows import FAILURES, STEPS, write_rows
from agenttrace_server.store.ingest_runs import UNMARKED, merge_runs
from agenttrace_server.store.write_pool import WriteDatabase

_ATTEMPTS = 5
# Deadlocks and serialization failures; a session that somebody ended; a server that crashed.
_INTERRUPTIONS = ("40", "57P01", "57P02")
_NO_KEYS = ErasureKeys()
_log = logging.getLogger(__name__)


class IngestStore:
    """The way in: what is returned is committed. What was erased does not come in again."""

    def __init__(self, database: WriteDatabase, erasure_keys: ErasureKeys) -> None:
        self._database = database
        self._erasure_keys = erasure_keys
        # Only the batches of projects that have tombstones are compared with them.
        self._with_tombstones: set[int] = set()

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
                keys = self._erasure_keys if project_id in self._with_tombstones else _NO_KEYS
                try:
                    return await self._database.run(partial(_write, project_id, runs, steps, failures, merge, keys))
                except UniqueViolation:
                    merge = True
                except psycopg.DatabaseError as exc:
                    if exc.sqlstate != UNMARKED:
                        raise
                    self._compare_from_now_on(project_id, keys, exc)
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

    def _compare_from_now_on(self, project_id: int, keys: ErasureKeys, exc: psycopg.DatabaseError) -> None:
        """Note that a project has tombstones. Raises StoreUnavailable where they are not under our keys.

        Then nothing is taken and nothing lost: clients come back until this process is told the keys.
        """
        self._with_tombstones.add(project_id)
        if keys is self._erasure_keys or not self._erasure_keys.ids:
            _log.error("erasure_key_missing", extra={"project_id": project_id})
            raise StoreUnavailable from exc


def _write(
    project_id: int,
    messages: Sequence[RunMessage],
    steps: Sequence[EncodedRow],
    failures: Sequence[EncodedRow],
    merge: bool,
    keys: ErasureKeys,
    connection: Connection,
) -> Outcome:
    """Write all of it in the transaction that is open."""
    runs = merge_runs(connection, project_id, messages, (steps, failures), merge=merge, keys=keys)
    # A full run takes no further steps, and only the merge can tell those from stored ones.
    merge = merge or _is_over_full(steps, runs.step_counts)
    return Outcome(
        runs.verdicts,
        write_rows(connection, STEPS, steps, runs, merge=merge),
        write_rows(connection, FAILURES, failures, runs, merge=merge),
        runs.events,
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
