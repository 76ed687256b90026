"""Rows that must not be stored beside rows that must: other content under a known key (F15), a refusal."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest

from agenttrace.v1 import run_pb2
from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.oracle import Generator, Item, Journal, Key, check, stored
from faults.processes import IngestProcess, wait_until

CONFLICT, REFUSED = "REJECTION_REASON_CONFLICT", "REJECTION_REASON_INCONSISTENT"


def _waiting(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchall()


def other(make: Generator, item: Item) -> Item:
    """The same key with other content."""
    kind, run_id, own_id = item.key
    if kind == "steps":
        return make.step(run_id, step_id=own_id, name="other")
    if kind == "failures":
        return make.failure(run_id, item.message.step_id, failure_id=own_id, code="other")
    message = run_pb2.Run()
    message.CopyFrom(item.message)
    message.agent_id = "somebody-else"
    return Item(item.key, message, "never stored")


@pytest.mark.parametrize("resend", [False, True], ids=["unmarked", "marked resend"])
def test_other_content_under_a_known_key_is_a_conflict_and_what_is_stored_stays(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal,
    resend: bool,
) -> None:  # fmt: skip
    """F15: conflicts, duplicates and news in the same messages, from eight clients."""
    known, fresh = make.runs(30), make.runs(30)
    assert send_streams(service.address, cut(make.messages(known), 10), journal) == []
    before = stored(connection)
    changed = [other(make, item) for item in chance.sample([i for i in known if i.key[2] != "end"], len(known) // 4)]
    mixed = [*changed, *fresh, *chance.sample(known, len(known) // 4)]

    assert send_streams(service.address, cut(make.messages(mixed), 6), journal, clients=8, resend=resend) == []

    assert sorted(journal.rejections) == sorted((item.key, CONFLICT) for item in changed)
    check(connection, [*known, *fresh], journal, complete=True)
    assert {key: content for key, content in stored(connection).items() if key in before} == before


def test_two_contents_for_one_key_in_the_same_transaction_give_one_row_and_one_conflict(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, chance: random.Random, make: Generator,
    journal: Journal,
) -> None:  # fmt: skip
    """F15: from two streams at the same moment, amid neighbours that notice nothing."""
    ours, neighbours = make.runs(10), make.runs(20)
    rivals = [other(make, item) for item in ours if item.key[0] != "runs"]
    messages = make.messages([*ours, *neighbours], sizes=(5, 15)) + make.messages(rivals, sizes=(5, 15))
    chance.shuffle(messages)

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE agent_runs IN SHARE MODE")

        def release() -> None:
            wait_until(lambda: _waiting(connection), "the writers wait")
            wait_until(lambda: len(began) >= len(messages), "all are sent")
            holder.rollback()

        began: list[None] = []
        streams = cut(messages, 1)
        at_once(
            [
                lambda: send_streams(
                    service.address, streams, journal, clients=len(streams), on_message=lambda: began.append(None)
                ),
                release,
            ]
        )

    found = stored(connection)
    winners = [item for item in [*ours, *rivals] if found[item.key] == [item.content]]
    losers = [item for item in [*ours, *rivals] if found[item.key] != [item.content]]
    assert sorted(journal.rejections) == sorted((item.key, CONFLICT) for item in losers)
    assert {item.key for item in winners} == {item.key for item in ours}
    assert any(item in winners for item in rivals)
    assert any(item in losers for item in rivals)
    check(connection, [*winners, *neighbours], journal, complete=True)


BAD = {
    "steps": ("agent_steps", "name <> 'bad'"),
    "failures": ("agent_failures", "code <> 'bad'"),
    "runs": ("agent_runs", "agent_id <> 'bad'"),
}


def bad(make: Generator, kind: str, run_id: str) -> Item:
    """A row that passes every check of ours and fails the database's."""
    if kind == "steps":
        return make.step(run_id, name="bad")
    if kind == "failures":
        return make.failure(run_id, "", code="bad")
    start = make.start(run_id)
    start.message.agent_id = "bad"
    return start


@pytest.mark.parametrize("resend", [False, True], ids=["copy", "merge"])
@pytest.mark.parametrize("kind", list(BAD))
def test_a_row_that_only_the_database_refuses_is_alone_in_being_rejected(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, chance: random.Random, make: Generator,
    journal: Journal, kind: str, resend: bool,
) -> None:  # fmt: skip
    """Twenty streams in few transactions, one bad row in the midst of each of three; everything else is exact."""
    table, condition = BAD[kind]
    connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT no_bad CHECK ({condition}) NOT VALID")  # type: ignore[arg-type]
    whole = [make.run(12) for _ in range(20)]
    spoilt = {chance.randrange(20) for _ in range(3)}
    wrong = []
    for number in spoilt:
        # A bad run stands alone: its steps would make a stub of it.
        run_id = make.run(0)[0].key[1] if kind == "runs" else whole[number][0].key[1]
        wrong.append(bad(make, kind, run_id))
        whole[number].insert(chance.randrange(len(whole[number])), wrong[-1])
    began: list[None] = []

    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE run_changes IN SHARE MODE")

        def release() -> None:
            wait_until(lambda: _waiting(connection) and len(began) >= 20, "all are sent, and the writers wait")
            holder.rollback()

        def load() -> None:
            options = {"clients": 20, "resend": resend, "on_message": lambda: began.append(None)}
            assert send_streams(service.address, [[items] for items in whole], journal, **options) == []

        at_once([load, release])

    assert sorted(journal.rejections) == sorted((item.key, REFUSED) for item in wrong)
    good = [item for items in whole for item in items if item not in wrong]
    check(connection, good, journal, complete=True)
    service.assert_log_is_calm("row_refused")
    assert "bad" not in str(service.log_lines())


def test_steps_whose_day_has_no_partition_are_kept_by_the_client_rather_than_rejected(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """Nobody has run `maintain` for a week: that passes, and a rejection is for good."""
    items = make.run(5)
    connection.execute("DO $$ BEGIN EXECUTE format('ALTER TABLE agent_steps DETACH PARTITION %I', "
                       "to_char(now() AT TIME ZONE 'UTC', '\"agent_steps_\"YYYYMMDD')); END $$")  # fmt: skip
    with channel_to(service.address) as channel:
        assert send(channel, [items], journal) == [items]
        assert journal.errors == [("UNAVAILABLE", "STORE_UNAVAILABLE", 2.0)]
        assert stored(connection) == {}
        connection.execute("DO $$ DECLARE today date := (now() AT TIME ZONE 'UTC')::date; BEGIN EXECUTE format("
                           "'ALTER TABLE agent_steps ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', "
                           "to_char(today, '\"agent_steps_\"YYYYMMDD'), today, today + 1); END $$")  # fmt: skip

        assert send(channel, [items], journal) == []
    check(connection, items, journal, complete=True)


def test_a_run_that_the_retention_deletes_under_a_batch_is_made_anew(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """A batch waits for the deletion of its run, or the deletion for the batch: its neighbours must not suffer."""
    old, new = make.run(3), make.run(3)
    with channel_to(service.address) as channel, psycopg.connect(database_url) as retention:
        assert send(channel, [old], journal) == []
        retention.execute("DELETE FROM agent_runs WHERE run_id = %s", (old[0].key[1],))
        retention.execute("DELETE FROM agent_steps")
        retention.execute("DELETE FROM agent_failures")

        def delete() -> None:
            wait_until(lambda: _waiting(connection), "ours waits")
            retention.commit()

        more = [make.step(old[0].key[1])]
        left: list[Any] = []
        at_once([lambda: left.extend(send(channel, [[*more, *new]], journal)), delete])
    again: list[Key] = [key for key in stored(connection) if key[0] == "steps"]

    assert (left, journal.errors) == ([], [])
    assert sorted(again) == sorted(item.key for item in [*more, *new] if item.key[0] == "steps")
