"""Erasures while clients upload what is being erased: afterwards nothing of it is stored, and all of the rest is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from agenttrace_server.records import Outcome
from agenttrace_server.store.erasures import Receipt
from agenttrace_server.store.ingest import IngestStore
from fix_erasures import SESSION, USER, erase
from fix_store import assert_counters_equal_a_recount, record, with_store
from items import ended, failure, new_id, run, step, upload

CLIENTS = 6
RUNS = 25


@dataclass
class Journal:
    """What was sent, and what was acknowledged of what is to be kept."""

    kept: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    kept_steps: set[str] = field(default_factory=set)
    verdicts: dict[bool, set[str]] = field(default_factory=lambda: {True: set(), False: set()})


def messages_of(dice: random.Random, run_id: str, about: dict[str, str]) -> list[Any]:
    """A run piece by piece: whose it is may be told first, last, or by every message of it."""
    steps = [step(run_id, sequence=n) for n in range(6)]
    messages = [
        upload(runs=[run(run_id, **about)], steps=steps[:1]),
        upload(steps=steps[1:4]),
        upload(steps=steps[4:], failures=[failure(run_id, step_id=steps[5].step_id)]),
        upload(runs=[ended(run_id, **about, expected_step_count=6)]),
    ]
    if dice.random() < 0.3:
        dice.shuffle(messages)
    return messages


async def client(store: IngestStore, dice: random.Random, journal: Journal) -> None:
    """Upload runs of which some are to be erased, a few at a time and some of them twice."""
    for _ in range(RUNS):
        kept_id, *erased_ids = (new_id() for _ in range(3))
        journal.kept.add(kept_id)
        journal.erased.update(erased_ids)
        runs = [
            messages_of(dice, kept_id, {"session_id": "s-kept", "user_key": "f" * 64}),
            messages_of(dice, erased_ids[0], {"session_id": SESSION}),
            messages_of(dice, erased_ids[1], {"user_key": USER}),
        ]
        for pieces in zip(*runs, strict=True):
            together = upload()
            for piece in dice.sample(pieces, len(pieces)):
                together.MergeFrom(piece)
            for _ in range(dice.choice([1, 1, 2])):
                note(journal, together, await record(store, together))


def note(journal: Journal, message: Any, outcome: Outcome) -> None:
    for items, verdicts in zip(
        (message.runs, message.steps, message.failures), (outcome.runs, outcome.steps, outcome.failures), strict=True
    ):
        for item, verdict in zip(items, verdicts, strict=True):
            is_kept = item.run_id in journal.kept
            journal.verdicts[is_kept].add(verdict.outcome)
            if is_kept and hasattr(item, "sequence"):
                journal.kept_steps.add(item.step_id)


def ids(connection: psycopg.Connection, table: str, column: str) -> set[str]:
    return {found for (found,) in connection.execute(f"SELECT {column}::text FROM {table}")}  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.faults)])
def test_nothing_of_it_is_stored_afterwards_and_all_of_the_rest(
    database_url: str, connection: psycopg.Connection, seed: int
) -> None:
    journal = Journal()
    found_after: list[Any] = []

    async def erasing(at: float, subject: dict[str, str]) -> Receipt:
        await asyncio.sleep(at)
        receipt = await asyncio.to_thread(lambda: erase(database_url, **subject))
        # Clients go on: from now on none of it is seen, not for a moment.
        for _ in range(20):
            ((column, value),) = subject.items()
            query = f"SELECT count(*) FROM agent_runs WHERE {column} = %s"
            found_after.append(connection.execute(query, (value,)).fetchone())  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
        return receipt

    async def act(store: IngestStore) -> Sequence[Receipt]:
        clients = [client(store, random.Random(seed * 100 + n), journal) for n in range(CLIENTS)]
        erasures = [erasing(0.3, {"session_id": SESSION}), erasing(0.35, {"user_key": USER})]
        _, receipts = await asyncio.gather(asyncio.gather(*clients), asyncio.gather(*erasures))
        return receipts

    receipts = with_store(database_url, act)

    assert set(found_after) == {(0,)}
    assert all(receipt.run_count > 0 for receipt in receipts), "there was nothing to erase: begin later"
    assert journal.verdicts[True] <= {"ACCEPTED", "DUPLICATE"}
    assert journal.verdicts[False] == {"ACCEPTED", "DUPLICATE", "ERASED"} or journal.verdicts[False] == {
        "ACCEPTED",
        "ERASED",
    }
    assert ids(connection, "agent_runs", "run_id") == journal.kept
    assert ids(connection, "agent_steps", "step_id") == journal.kept_steps
    assert ids(connection, "agent_failures", "run_id") == journal.kept
    assert ids(connection, "run_changes", "run_id") <= journal.kept
    assert_counters_equal_a_recount(connection)


def test_runs_that_are_written_to_without_a_pause_are_erased_one_by_one(
    database_url: str, connection: psycopg.Connection
) -> None:
    """Every erasure ends, whatever comes for its run; and the other runs of the same messages lose nothing."""
    run_ids = sorted(new_id() for _ in range(8))
    kept_ids, erased_ids = run_ids[::2], run_ids[1::2]
    sent = 0

    async def writer(store: IngestStore, stop: asyncio.Event) -> None:
        nonlocal sent
        while not stop.is_set():
            outcome = await record(store, upload(steps=[step(run_id) for run_id in run_ids]))
            assert {verdict.outcome for verdict in outcome.steps} <= {"ACCEPTED", "ERASED"}
            assert [verdict.outcome for verdict in outcome.steps[::2]] == ["ACCEPTED"] * 4
            sent += 1

    async def act(store: IngestStore) -> list[Receipt]:
        stop = asyncio.Event()
        writers = [asyncio.create_task(writer(store, stop)) for _ in range(4)]
        await asyncio.sleep(0.2)
        receipts = [await asyncio.to_thread(erase, database_url, run_id=run_id) for run_id in erased_ids]
        await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*writers)
        return receipts

    receipts = with_store(database_url, act)

    assert [receipt.run_count for receipt in receipts] == [1] * 4
    assert ids(connection, "agent_runs", "run_id") == ids(connection, "agent_steps", "run_id") == set(kept_ids)
    assert connection.execute("SELECT count(*) FROM agent_steps").fetchone() == (sent * 4,)
    assert_counters_equal_a_recount(connection)
