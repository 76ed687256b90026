"""The ingest service is killed or stopped while it works (F1, F2, F3, drain)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.oracle import Generator, Journal, check, stored
from faults.processes import IngestProcess, Proxy, wait_until


def test_a_service_killed_mid_stream_loses_nothing_acknowledged_and_stores_nothing_twice(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal
) -> None:
    """F1, three times over; each time what was not acknowledged is sent again with some of what was."""
    items = make.runs(60)
    messages = make.messages(items, sizes=(1, 20))
    pending = messages
    for _ in range(3):
        kill = _after(_point(chance, pending), service)

        pending = send_streams(service.address, cut(pending, 3), journal, on_message=kill)

        wait_until(lambda: not service.is_running(), "the service is killed")
        service.start()
        check(connection, items, journal)
        acknowledged = journal.acknowledged()
        assert acknowledged
        known = [m for m in messages if all(item.key in acknowledged for item in m)]
        pending = chance.sample(pending, len(pending)) + chance.sample(known, len(known) // 5)

    assert send_streams(service.address, cut(pending, 6), journal, resend=True) == []
    check(connection, items, journal, complete=True)
    assert {status for status, *_ in journal.errors} <= {"UNAVAILABLE"}


def _point(chance: random.Random, messages: list[Any]) -> int:
    return chance.randrange(len(messages) // 4, len(messages) * 3 // 4)


def _after(count: int, service: IngestProcess) -> Callable[[], None]:
    """Kills the service as soon as so many messages were handed to gRPC, over all streams."""
    lock, counter = threading.Lock(), iter(range(1, 1_000_000))

    def on_message() -> None:
        with lock:
            if next(counter) == count:
                service.kill()

    return on_message


def test_what_was_committed_before_the_reply_was_lost_is_duplicate_when_sent_again(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """F2: the transaction is committed, its answer swallowed on the way, and the service killed."""
    items = make.run(12)
    host, port = service.address.split(":")
    with Proxy((host, int(port))) as proxy, channel_to(proxy.address) as channel:
        assert send(channel, [make.run(1)], journal) == []
        before = stored(connection).keys()
        proxy.swallow_answers()
        lost: list[Any] = []

        def wait_and_kill() -> None:
            wait_until(lambda: len(stored(connection).keys() - before) >= len(items), "the rows are committed")
            service.kill()
            proxy.__exit__()

        at_once([lambda: lost.extend(send(channel, [items], journal)), wait_and_kill])
    assert lost == [items]

    _assert_sent_again_is_duplicate(service, connection, items)


def _assert_sent_again_is_duplicate(service: IngestProcess, connection: psycopg.Connection, items: list[Any]) -> None:
    before = sorted(stored(connection).items())
    service.start()
    with channel_to(service.address) as channel, channel_to(service.address) as other:
        for again, resend in ((channel, True), (other, False)):
            with TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as answers:
                assert send(again, [items], answers, resend=resend) == []
            assert sum(answers.accepted.values()) == 0
            assert sum(answers.duplicate.values()) == len(items)
    assert sorted(stored(connection).items()) == before


HELD_COMMIT = """
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON agent_runs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
"""


def test_what_was_being_committed_when_the_service_was_killed_is_duplicate_when_sent_again(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F2: COMMIT is with the database when the service dies; it decides alone."""
    items = make.run(12)
    connection.execute(HELD_COMMIT)
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(4711)")

        _kill_while_blocked(service, connection, items, journal)
        holder.rollback()
    wait_until(lambda: not _sessions(connection), "the transaction has ended")

    check(connection, items, journal, complete=True)
    _assert_sent_again_is_duplicate(service, connection, items)


def _kill_while_blocked(
    service: IngestProcess, connection: psycopg.Connection, items: list[Any], journal: Journal, **options: Any
) -> None:
    def wait_and_kill() -> None:
        wait_until(lambda: _sessions(connection, "AND wait_event_type = 'Lock'"), "the service waits for the lock")
        service.kill()

    with channel_to(service.address) as channel:
        at_once([lambda: send(channel, [items], journal, **options), wait_and_kill])
    assert {status for status, *_ in journal.errors} == {"UNAVAILABLE"}


def _sessions(connection: psycopg.Connection, condition: str = "AND state <> 'idle'") -> list[Any]:
    return connection.execute(
        "SELECT pid, wait_event_type FROM pg_stat_activity WHERE datname = current_database() "  # type: ignore[arg-type]
        f"AND application_name LIKE 'agenttrace-ingest%' {condition}"
    ).fetchall()


@pytest.mark.parametrize(
    ("resend", "tables"),
    [
        (False, ["agent_runs", "run_changes", "agent_steps", "agent_failures"]),
        pytest.param(True, ["agent_steps", "agent_failures"], marks=pytest.mark.faults),
    ],
    ids=["copy", "merge"],
)
def test_nothing_is_seen_of_a_batch_whose_service_was_killed_before_commit(
    service: IngestProcess, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal,
    tables: list[str], resend: bool,
) -> None:  # fmt: skip
    """F3, at each place where the transaction touches a table."""
    items = make.run(12)
    items.append(make.failure(items[0].key[1], items[2].key[2]))
    for table in tables:
        with psycopg.connect(database_url) as holder:
            holder.execute(f"LOCK TABLE {table} IN SHARE MODE")  # type: ignore[arg-type]
            _kill_while_blocked(service, connection, items, journal, resend=resend)
        wait_until(lambda: not _sessions(connection), "the transaction has ended")

        assert stored(connection) == {}
        for other in ("ingest_step_stage", "ingest_failure_stage", "run_changes"):
            assert connection.execute(f"SELECT count(*) FROM {other}").fetchone() == (0,)  # type: ignore[arg-type]
        service.start()

    with channel_to(service.address) as channel:
        assert send(channel, [items], journal, resend=resend) == []
    check(connection, items, journal, complete=True)


def test_a_service_that_drains_under_load_answers_what_it_took(
    service: IngestProcess, serve: Any, connection: psycopg.Connection, chance: random.Random, make: Generator,
    journal: Journal,
) -> None:  # fmt: skip
    """F36: streams end with OK and their counts; nothing acknowledged is lost."""
    items = make.runs(150)
    messages = make.messages(items, sizes=(1, 30))
    left: list[Any] = []

    def slowly() -> None:
        time.sleep(0.004)

    def stop() -> None:
        wait_until(lambda: len(stored(connection)) > len(items) // 4, "a part is stored")
        service.terminate()

    def load() -> None:
        left.extend(send_streams(service.address, cut(messages, 12), journal, clients=8, on_message=slowly))

    at_once([load, stop])

    assert service.wait() == 0
    check(connection, items, journal)
    service.assert_log_is_calm()
    assert set(journal.close_reasons) <= {"CLOSE_REASON_UNSPECIFIED", "CLOSE_REASON_DRAINING"}
    # gRPC resets the calls that reach a server which no longer accepts: CANCELLED, and nothing of them was taken.
    assert {status for status, *_ in journal.errors} <= {"UNAVAILABLE", "CANCELLED"}
    assert send_streams(serve().address, cut(left, 12), journal, resend=True) == []
    check(connection, items, journal, complete=True)
