"""Writes a batch of runs, steps and failures in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import DeadlockDetected, SerializationFailure

from agenttrace_server import limits
from agenttrace_server.errors import QueryTooExpensive, StoreUnavailable
from agenttrace_server.records import ACCEPTED, FailureRow, Outcome, RunMessage, StepRow, Verdict
from agenttrace_server.store import statements
from agenttrace_server.store.pool import Database, fetch

_SQL = statements.load("ingest.sql")
_ATTEMPTS = 5


class IngestStore:
    """The way in: what is returned is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(
        self, project_id: int, runs: Sequence[RunMessage], steps: Sequence[StepRow], failures: Sequence[FailureRow]
    ) -> Outcome:
        """Store what is new; return a verdict for each row once it is committed.

        Raises StoreUnavailable and Overloaded; then nothing is stored.
        """
        try:
            for _ in range(_ATTEMPTS - 1):
                with suppress(DeadlockDetected, SerializationFailure):
                    return await self._write_once(project_id, runs, steps, failures)
                # Nothing was stored, and the other transaction has gone on.
            return await self._write_once(project_id, runs, steps, failures)
        except QueryTooExpensive as exc:
            # To a client a database too slow to write is one that does not answer: it comes back later.
            raise StoreUnavailable from exc

    async def _write_once(
        self, project_id: int, runs: Sequence[RunMessage], steps: Sequence[StepRow], failures: Sequence[FailureRow]
    ) -> Outcome:
        async with self._database.transaction() as connection:
            run_verdicts, days = await _merge_runs(connection, project_id, [*runs, *_stubs(steps, failures)])
            return Outcome(
                run_verdicts[: len(runs)],
                await _merge(connection, project_id, days, "steps", steps),
                await _merge(connection, project_id, days, "failures", failures),
            )


async def _merge_runs(
    connection: AsyncConnection, project_id: int, messages: Sequence[RunMessage]
) -> tuple[list[Verdict], dict[str, date]]:
    """Merge run messages and stubs; return their verdicts, and the day of every run."""
    parameters = {
        "project_id": project_id,
        "messages": _messages_json(messages),
        "tag_limit": limits.TAGS,
        "attribute_limit": limits.ATTRIBUTES,
    }
    verdicts = [ACCEPTED] * len(messages)
    days = {}
    for ordinal, outcome, column, run_id, day in await fetch(connection, _SQL["ingest_runs"], parameters):
        verdicts[ordinal] = Verdict(outcome, column)
        days[str(run_id)] = day
    return verdicts, days


async def _merge(
    connection: AsyncConnection,
    project_id: int,
    days: Mapping[str, date],
    kind: str,
    rows: Sequence[StepRow | FailureRow],
) -> list[Verdict]:
    """Stage the rows of one kind and merge them; return their verdicts."""
    verdicts = [ACCEPTED] * len(rows)
    if not rows:
        return verdicts
    async with connection.cursor() as cursor, cursor.copy(_SQL[f"stage_{kind}"]) as copy:
        for ordinal, row in enumerate(rows):
            await copy.write_row((project_id, days[row.run_id], ordinal, *row))
    for ordinal, outcome in await fetch(connection, _SQL[f"merge_{kind}"], {"step_limit": limits.STEPS_PER_RUN}):
        verdicts[ordinal] = Verdict(outcome)
    return verdicts


def _stubs(steps: Sequence[StepRow], failures: Sequence[FailureRow]) -> list[RunMessage]:
    """A stub for every run that steps or failures name, with the earliest of their times."""
    earliest: dict[str, datetime] = {}
    for run_id, time in [(s.run_id, s.start_time) for s in steps] + [(f.run_id, f.occur_time) for f in failures]:
        earliest[run_id] = min(time, earliest.get(run_id, time))
    return [_stub(run_id, time) for run_id, time in earliest.items()]


def _stub(run_id: str, time: datetime) -> RunMessage:
    nothing: dict[str, Any] = dict.fromkeys(RunMessage._fields)
    known = {"run_id": run_id, "is_stub": True, "status": "RUNNING", "start_time": time, "tags": (), "attributes": "{}"}
    return RunMessage(**{**nothing, **known})


def _messages_json(messages: Sequence[RunMessage]) -> str:
    """The messages as the JSON array that ingest_runs() takes."""
    return "[" + ",".join(_message_json(ordinal, message) for ordinal, message in enumerate(messages)) + "]"


def _message_json(ordinal: int, message: RunMessage) -> str:
    columns = message._asdict()
    # Already JSON, and as text: a number's spelling tells an integer from a double.
    attributes = columns.pop("attributes")
    head = json.dumps({"ordinal": ordinal, **columns}, default=_json_value)
    return f'{head[:-1]}, "attributes": {attributes}}}'


def _json_value(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)} microseconds"
    assert isinstance(value, datetime)
    return value.isoformat()
