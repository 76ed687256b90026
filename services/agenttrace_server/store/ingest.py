"""Writes runs, steps and failures in one transaction."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import CheckViolation, UniqueViolation
from psycopg_pool import PoolTimeout

from agenttrace_server import copy_binary, limits
from agenttrace_server.errors import QueryTooExpensive, StoreUnavailable
from agenttrace_server.records import EncodedRow, Outcome, RunMessage, Verdict
from agenttrace_server.store.errors import RowsRefused
from agenttrace_server.store.ingest_rows import FAILURES, STEPS, write_rows
from agenttrace_server.store.pool import Database, fetch
from agenttrace_server.store.statements import load

_SQL = load("ingest.sql")
_ATTEMPTS = 5
# Deadlocks and serialization failures; a session that somebody ended; a server that crashed.
_INTERRUPTIONS = ("40", "57P01", "57P02")
_log = logging.getLogger(__name__)


class _Runs(NamedTuple):
    """What a batch's run messages came to, and what its rows need to know of their runs."""

    verdicts: list[Verdict]
    # The columns project_id and day, encoded, by run id.
    suffixes: Mapping[str, bytes]
    step_counts: Mapping[str, int]


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
            runs = await _merge_runs(connection, project_id, messages, _touched(steps, failures))
            # A full run takes no further steps, and only the merge can tell those from stored ones.
            merge = merge or _is_over_full(steps, runs.step_counts)
            return Outcome(
                runs.verdicts,
                await write_rows(connection, STEPS, steps, runs.suffixes, merge=merge),
                await write_rows(connection, FAILURES, failures, runs.suffixes, merge=merge),
            )


def _was_interrupted(cause: BaseException | None) -> bool:
    """Whether the same transaction may well pass at once: it gave way to another, or its connection was lost."""
    if not isinstance(cause, psycopg.OperationalError) or isinstance(cause, PoolTimeout):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_INTERRUPTIONS)


def _lacks_partition(cause: BaseException | None) -> bool:
    """Whether a row has no partition to go to, which is no fault of the row: nobody has made the day's."""
    return isinstance(cause, CheckViolation) and cause.diag.constraint_name is None


async def _merge_runs(
    connection: AsyncConnection, project_id: int, messages: Sequence[RunMessage], touched: Mapping[str, int]
) -> _Runs:
    """Merge run messages, make stubs of touched runs, and lock both."""
    parameters = {
        "project_id": project_id,
        "messages": _messages_json(messages),
        # Written as PostgreSQL writes arrays: adapting hundreds of objects costs more than what is done with them.
        "touched": "{" + ",".join(touched) + "}",
        "touch_times": "{" + ",".join(map(str, touched.values())) + "}",
        "tag_limit": limits.TAGS,
        "attribute_limit": limits.ATTRIBUTES,
    }
    verdicts: dict[int, Verdict] = {}
    suffixes = {}
    step_counts = {}
    project = copy_binary.int4(project_id)
    for ordinal, outcome, field, run_id, day, step_count in await fetch(connection, _SQL["ingest_runs"], parameters):
        if ordinal is not None:
            verdicts[ordinal] = Verdict(outcome, field)
        else:
            suffixes[run_id] = project + copy_binary.date(day)
            step_counts[run_id] = step_count
    return _Runs([verdicts[ordinal] for ordinal in range(len(messages))], suffixes, step_counts)


def _touched(steps: Sequence[EncodedRow], failures: Sequence[EncodedRow]) -> dict[str, int]:
    """The runs that steps and failures name, each with the earliest of their times."""
    earliest: dict[str, int] = {}
    for rows in (steps, failures):
        for row in rows:
            known = earliest.get(row.run_id)
            if known is None or row.time < known:
                earliest[row.run_id] = row.time
    return earliest


def _is_over_full(steps: Sequence[EncodedRow], step_counts: Mapping[str, int]) -> bool:
    """Whether a run would pass its limit if all of the steps were new."""
    return len(steps) + max(step_counts.values(), default=0) > limits.STEPS_PER_RUN and any(
        step_counts[run_id] + count > limits.STEPS_PER_RUN
        for run_id, count in Counter(step.run_id for step in steps).items()
    )


def _messages_json(messages: Sequence[RunMessage]) -> str:
    """The messages as the JSON array that ingest_runs() takes."""
    return "[" + ",".join(_message_json(ordinal, message) for ordinal, message in enumerate(messages)) + "]"


def _message_json(ordinal: int, message: RunMessage) -> str:
    """One message, written by hand: its strings are ids, tokens and names of ours, in which nothing is escaped."""
    members = [f'{{"ordinal": {ordinal}']
    for name, value in zip(RunMessage._fields, message, strict=True):
        if value is not None:
            members.append(f'"{name}": {_member(name, value)}')
    return ", ".join(members) + "}"


def _member(name: str, value: object) -> str:
    if isinstance(value, str):
        # Attributes are JSON already, and go on as text: a number's spelling tells an integer from a double.
        return value if name == "attributes" else f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, timedelta):
        return f'"{value // timedelta(microseconds=1)} microseconds"'
    return json.dumps(value)
