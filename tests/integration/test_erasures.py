"""What is erased is gone, everywhere and for good, and nothing else is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace_server.erasure_keys import ErasureKeys
from agenttrace_server.errors import StartupError, StoreUnavailable
from agenttrace_server.records import Outcome
from agenttrace_server.store import audit, erasures
from agenttrace_server.store.ingest import IngestStore
from fix_erasures import SESSION, USER, counted, dump, erase, send, verdicts, whole_run
from fix_maintain import TODAY, create_partitions, maintain_once, make_older
from fix_rollups import assert_both_answer_the_same, some_runs, store
from fix_store import ERASURE_KEY, assert_counters_equal_a_recount, counts, empty, record, stored, with_store
from items import ended, new_id, run, upload

OTHER_KEY = "another erasure key, also long enough"


@pytest.mark.parametrize("subject", [{"session_id": SESSION}, {"user_key": USER}])
def test_all_runs_go_with_their_steps_and_failures_and_no_others(
    database_url: str, connection: psycopg.Connection, subject: dict[str, str]
) -> None:
    send(database_url, whole_run(new_id(), session_id="s-other", user_key="f" * 64), whole_run(new_id()))
    others = stored(connection)
    send(database_url, *(whole_run(new_id(), session_id=SESSION, user_key=USER) for _ in range(3)))

    receipt = erase(database_url, **subject)

    assert counted(receipt) == (3, 6, 3)
    assert stored(connection) == others
    assert_counters_equal_a_recount(connection)


def test_one_run_goes_alone(database_url: str, connection: psycopg.Connection) -> None:
    run_id, other_id = new_id(), new_id()
    send(database_url, whole_run(run_id, session_id=SESSION), whole_run(other_id, session_id=SESSION))

    receipt = erase(database_url, run_id=run_id)

    assert counted(receipt) == (1, 2, 1)
    assert counts(connection) == (1, 2, 1)


@pytest.mark.parametrize("field", ["session_id", "user_key", "run_id"])
def test_a_second_erasure_shows_zero(database_url: str, field: str) -> None:
    run_id = new_id()
    subject = {field: {"session_id": SESSION, "user_key": USER, "run_id": run_id}[field]}
    send(database_url, whole_run(run_id, session_id=SESSION, user_key=USER))

    first, second = erase(database_url, **subject), erase(database_url, **subject)

    assert (counted(first), counted(second)) == ((1, 2, 1), (0, 0, 0))
    assert second.erasure_id != first.erasure_id
    assert second.time > first.time


def test_many_runs_go_in_batches(database_url: str, connection: psycopg.Connection, monkeypatch: Any) -> None:
    monkeypatch.setattr("agenttrace_server.store.erasures._CHUNK_RUNS", 7)
    monkeypatch.setattr("agenttrace_server.store.erasures._BATCH_ROWS", 6)
    send(database_url, *(whole_run(new_id(), session_id=SESSION) for _ in range(20)))

    assert counted(erase(database_url, session_id=SESSION)) == (20, 40, 20)
    assert counts(connection) == (0, 0, 0)


def test_an_interrupted_erasure_is_finished_by_the_next(
    database_url: str, connection: psycopg.Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr("agenttrace_server.store.erasures._BATCH_ROWS", 3)
    messages = [whole_run(new_id(), session_id=SESSION) for _ in range(3)]
    send(database_url, *messages)

    with monkeypatch.context() as interrupting:
        delete = erasures._Erasing.delete

        def delete_once(erasing: Any, runs: Any) -> tuple[int, int, int]:
            interrupting.setattr(erasures._Erasing, "delete", fail)
            return delete(erasing, runs)

        def fail(*_: Any) -> None:
            raise KeyboardInterrupt

        interrupting.setattr(erasures._Erasing, "delete", delete_once)
        with pytest.raises(KeyboardInterrupt):
            erase(database_url, session_id=SESSION)
    left = counts(connection)

    assert left == (2, 4, 2)
    assert counted(erase(database_url, session_id=SESSION)) == left
    assert counts(connection) == (0, 0, 0)
    assert [entry.action for entry in audit.entries(database_url, 9)] == [
        "erase.complete",
        "erase.session",
        "erase.session",
    ]


@pytest.mark.parametrize("field", ["session_id", "user_key", "run_id"])
def test_a_late_spool_does_not_bring_it_back(database_url: str, connection: psycopg.Connection, field: str) -> None:
    """Neither the runs that were stored nor those that were not yet; in any order, whole or piece by piece."""
    run_id, unsent_id = new_id(), new_id()
    about = {"session_id": SESSION, "user_key": USER}
    sent, unsent = whole_run(run_id, **about), whole_run(unsent_id, **about)
    send(database_url, sent)
    erase(database_url, **{field: {**about, "run_id": run_id}[field]})
    if field == "run_id":
        erase(database_url, run_id=unsent_id)

    outcomes = send(
        database_url,
        upload(steps=sent.steps),
        upload(failures=sent.failures),
        sent,
        unsent,
        upload(steps=unsent.steps),
        upload(runs=unsent.runs),
    )

    assert {verdict for outcome in outcomes for verdict in verdicts(outcome)} == {"ERASED"}
    assert outcomes[3].runs == [("ERASED", field)]
    assert outcomes[4].steps == [("ERASED", "run_id")] * 2
    assert counts(connection) == (0, 0, 0)


def test_everything_else_in_the_message_is_stored(database_url: str, connection: psycopg.Connection) -> None:
    known_id, new_run_id, erased_id, late_id = (new_id() for _ in range(4))
    send(database_url, whole_run(known_id), whole_run(erased_id, session_id=SESSION))
    erase(database_url, session_id=SESSION)
    message = upload()
    for run_id, fields in (
        (erased_id, {}),
        (known_id, {"agent_version": "1.2"}),
        (late_id, {"session_id": SESSION}),
        (new_run_id, {}),
    ):
        message.MergeFrom(whole_run(run_id, **fields))

    (outcome,) = send(database_url, message)

    assert [verdict.outcome for verdict in outcome.runs] == ["ERASED", "ACCEPTED", "ERASED", "ACCEPTED"]
    assert [verdict.outcome for verdict in outcome.steps] == (["ERASED"] * 2 + ["ACCEPTED"] * 2) * 2
    assert [verdict.outcome for verdict in outcome.failures] == ["ERASED", "ACCEPTED"] * 2
    assert counts(connection) == (2, 6, 3)
    assert_counters_equal_a_recount(connection)


def test_several_messages_of_one_erased_run_are_all_refused(database_url: str, connection: psycopg.Connection) -> None:
    """Also those that do not name the session, whether they come before the one that does or behind it."""
    erase(database_url, session_id=SESSION)
    run_id = new_id()

    (outcome,) = send(
        database_url,
        upload(runs=[run(run_id), run(run_id, session_id=SESSION), run(run_id, agent_id="other"), ended(run_id)]),
    )

    assert outcome.runs == [("ERASED", "session_id")] * 4
    assert counts(connection) == (0, 0, 0)


def test_a_run_that_tells_only_later_that_it_is_of_an_erased_session_goes_then(
    database_url: str, connection: psycopg.Connection
) -> None:
    erase(database_url, session_id=SESSION)
    run_id = new_id()
    whole = whole_run(run_id, session_id=SESSION)

    before, told, after = send(database_url, upload(steps=whole.steps[:1]), upload(runs=whole.runs), whole)

    assert verdicts(before) == ["ACCEPTED"]
    assert {*verdicts(told), *verdicts(after)} == {"ERASED"}
    assert counts(connection) == (0, 0, 0)
    assert connection.execute("SELECT count(*) FROM run_changes").fetchone() == (0,)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_in_whatever_order_its_pieces_come_nothing_of_an_erased_session_stays(
    database_url: str, connection: psycopg.Connection, data: st.DataObject
) -> None:
    """Of three runs in the same messages one is erased by its session, one by its user, and one is kept."""
    empty(connection)
    connection.execute("TRUNCATE erasures, erasure_keys")
    kept_id, *erased_ids = sorted(data.draw(st.permutations([new_id() for _ in range(3)]), label="ids"))
    abouts: list[dict[str, str]] = [{}, {"session_id": SESSION}, {"user_key": USER}]
    pieces = []
    for run_id, about in zip([kept_id, *erased_ids], abouts, strict=True):
        whole = whole_run(run_id)
        pieces += [upload(runs=[run(run_id)]), upload(runs=[run(run_id, **about)]), upload(runs=whole.runs)]
        pieces += [upload(steps=[item]) for item in whole.steps] + [upload(failures=whole.failures)]
    erase(database_url, session_id=SESSION)
    erase(database_url, user_key=USER)
    messages = [upload()]
    for piece in data.draw(st.permutations(pieces), label="order"):
        if data.draw(st.booleans(), label="new message"):
            messages.append(upload())
        messages[-1].MergeFrom(piece)

    send(database_url, *messages)

    assert counts(connection) == (1, 2, 1)
    assert {str(row["run_id"]) for rows in stored(connection).values() for row in rows} == {kept_id}
    assert_counters_equal_a_recount(connection)


def test_a_message_that_contradicts_its_run_erases_nothing(database_url: str, connection: psycopg.Connection) -> None:
    run_id = new_id()
    erase(database_url, session_id=SESSION)
    send(database_url, whole_run(run_id, session_id="s-other"))

    (outcome,) = send(database_url, upload(runs=[run(run_id, session_id=SESSION)]))

    assert outcome.runs == [("CONFLICT", "session_id")]
    assert counts(connection) == (1, 2, 1)


def test_children_forget_an_erased_parent(database_url: str, connection: psycopg.Connection) -> None:
    parent_id, child_id, late_id = new_id(), new_id(), new_id()
    send(database_url, whole_run(parent_id), whole_run(child_id, parent_run_id=parent_id))
    erase(database_url, run_id=parent_id)

    again, late = send(
        database_url,
        upload(runs=[ended(child_id, parent_run_id=parent_id)]),
        upload(runs=[run(late_id, parent_run_id=parent_id), ended(late_id, parent_run_id=parent_id)]),
    )

    assert verdicts(again) == ["DUPLICATE"]
    assert verdicts(late) == ["ACCEPTED", "ACCEPTED"]
    assert connection.execute("SELECT count(*), count(parent_run_id) FROM agent_runs").fetchone() == (2, 0)


def test_nothing_that_was_erased_is_left_in_the_database_or_in_logs(
    database_url: str, connection: psycopg.Connection, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    parent_id, run_ids = new_id(), [new_id() for _ in range(3)]
    messages = [whole_run(run_id, session_id=SESSION, user_key=USER, parent_run_id=parent_id) for run_id in run_ids]
    child = whole_run(new_id(), parent_run_id=run_ids[0])
    send(database_url, *messages, child)
    secrets = [SESSION, USER, *run_ids]
    secrets += [item.step_id for message in messages for item in message.steps]
    before = dump(database_url)
    assert all(secret in before for secret in secrets)
    maintain_once(database_url)

    erase(database_url, session_id=SESSION)
    erase(database_url, user_key=USER)
    erase(database_url, run_id=run_ids[0])
    send(database_url, *messages, child, upload(steps=messages[0].steps))
    maintain_once(database_url)

    left = dump(database_url) + caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in secrets if secret in left] == []
    assert counts(connection) == (1, 2, 1)


def test_another_project_is_not_touched(database_url: str, connection: psycopg.Connection) -> None:
    run_id = new_id()
    connection.execute("INSERT INTO projects (name) VALUES ('second')")
    whole = whole_run(run_id, session_id=SESSION, user_key=USER)

    def send_to(project_id: int) -> Outcome:
        return with_store(database_url, lambda store: record(store, whole, project_id))

    send_to(1)
    send_to(2)
    for subject in ({"session_id": SESSION}, {"user_key": USER}, {"run_id": run_id}):
        erase(database_url, **subject)

    assert connection.execute("SELECT project_id FROM agent_runs").fetchall() == [(2,)]
    assert connection.execute("SELECT count(*) FROM agent_steps WHERE project_id = 2").fetchone() == (2,)
    assert {*verdicts(send_to(2))} == {"DUPLICATE"}
    assert {*verdicts(send_to(1))} == {"ERASED"}
    assert counted(erase(database_url, "second", session_id=SESSION)) == (1, 2, 1)


def test_an_unknown_project_is_refused(database_url: str) -> None:
    with pytest.raises(StartupError, match="no project nowhere"):
        erase(database_url, "nowhere", session_id=SESSION)


def test_statistics_are_right_at_once_and_after_maintenance(database_url: str, connection: psycopg.Connection) -> None:
    messages = some_runs()
    for message in messages[::3]:
        for told in message.runs:
            told.session_id = SESSION
    store(database_url, *messages)
    maintain_once(database_url)

    receipt = erase(database_url, session_id=SESSION)

    assert receipt.run_count == len(messages[::3])
    assert_both_answer_the_same(database_url)
    maintain_once(database_url)
    assert_both_answer_the_same(database_url)


def test_an_erasure_is_audited_without_telling_what_was_erased(
    database_url: str, connection: psycopg.Connection
) -> None:
    send(database_url, whole_run(new_id(), session_id=SESSION))

    receipt = erase(database_url, session_id=SESSION)

    done, begun = audit.entries(database_url, 2)
    assert (begun.action, begun.object) == ("erase.session", f"erasure:{receipt.erasure_id}")
    assert (done.action, done.object) == (
        "erase.complete",
        f"erasure:{receipt.erasure_id}/runs:1/steps:2/failures:1",
    )
    assert begun.time == receipt.time


def test_runs_of_days_that_the_retention_dropped_are_no_error(
    database_url: str, connection: psycopg.Connection
) -> None:
    kept_id, dropped_id = new_id(), new_id()
    send(database_url, *(whole_run(run_id, session_id=SESSION) for run_id in (kept_id, dropped_id)))
    create_partitions(connection, 100)
    make_older(connection, dropped_id, 100)
    maintain_once(database_url)

    assert counted(erase(database_url, session_id=SESSION)) == (1, 2, 1)
    assert counted(erase(database_url, run_id=dropped_id)) == (0, 0, 0)
    assert counts(connection) == (0, 0, 0)


def test_runs_of_several_days_go_together(database_url: str, connection: psycopg.Connection) -> None:
    for days_ago in (0, 1, 5):
        run_id = new_id()
        send(database_url, whole_run(run_id, session_id=SESSION))
        if days_ago:
            create_partitions(connection, days_ago)
            make_older(connection, run_id, days_ago)

    assert counted(erase(database_url, session_id=SESSION)) == (3, 6, 3)
    assert counts(connection) == (0, 0, 0)


def test_tombstones_are_kept_until_all_they_refuse_is_too_old(
    database_url: str, connection: psycopg.Connection
) -> None:
    message = upload(runs=[ended(new_id(), session_id=SESSION)])
    erase(database_url, session_id=SESSION)

    connection.execute("UPDATE erasures SET erase_time = now() - interval '96 days 23 h'")
    first = maintain_once(database_url)["tombstones_trimmed"]
    (refused,) = send(database_url, message)
    connection.execute("UPDATE erasures SET erase_time = now() - interval '97 days 1 h'")
    second = maintain_once(database_url)["tombstones_trimmed"]
    (taken,) = send(database_url, message)

    assert (first, verdicts(refused)) == (0, ["ERASED"])
    assert (second, verdicts(taken)) == (2, ["ACCEPTED"])  # the session's, and that of the run that was refused
    assert connection.execute("SELECT count(*) FROM erasure_keys").fetchone() == (0,)


def test_without_the_key_nothing_is_taken_where_something_was_erased(
    database_url: str, connection: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that can not tell what was erased must not bring it back; other projects go on."""
    connection.execute("INSERT INTO projects (name) VALUES ('second')")
    erase(database_url, session_id=SESSION)

    for keys in (ErasureKeys(), ErasureKeys(OTHER_KEY)):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                with_store(database_url, lambda s: record(s, whole_run(new_id())), keys)
        outcome = with_store(database_url, lambda s: record(s, whole_run(new_id()), 2), keys)
        assert {*verdicts(outcome)} == {"ACCEPTED"}

    assert counts(connection) == (2, 4, 2)
    assert caplog.messages.count("erasure_key_missing") == 4


def test_a_key_is_replaced_by_having_both_for_a_while(database_url: str, connection: psycopg.Connection) -> None:
    before, since = whole_run(new_id(), session_id=SESSION), whole_run(new_id(), session_id="s-later")
    both = ErasureKeys(OTHER_KEY, ERASURE_KEY)
    erase(database_url, session_id=SESSION)
    with pytest.raises(StartupError, match="under another key"):
        erase(database_url, keys=ErasureKeys(OTHER_KEY), session_id="s-later")

    erase(database_url, keys=both, session_id="s-later")

    async def act(ingest: IngestStore) -> list[Outcome]:
        return [await record(ingest, message) for message in (before, since, upload(steps=before.steps))]

    outcomes = with_store(database_url, act, both)
    assert {verdict for outcome in outcomes for verdict in verdicts(outcome)} == {"ERASED"}
    assert counts(connection) == (0, 0, 0)


def test_what_is_being_written_is_waited_for_and_erased(database_url: str, connection: psycopg.Connection) -> None:
    """A transaction that began before the tombstone was there commits a run of the session afterwards."""
    with psycopg.connect(database_url) as writer:
        writer.execute(
            "INSERT INTO agent_runs (project_id, run_id, day, is_stub, status, start_time, session_id)"
            " VALUES (1, gen_random_uuid(), %s, false, 'RUNNING', now(), %s)",
            (TODAY, SESSION),
        )
        receipts: list[Any] = []
        erasing = threading.Thread(target=lambda: receipts.append(erase(database_url, session_id=SESSION)))
        erasing.start()
        wait_until(lambda: connection.execute("SELECT FROM erasures").rowcount == 1)
        # A new one does not wait, and is refused.
        (outcome,) = send(database_url, whole_run(new_id(), session_id=SESSION))
        assert {*verdicts(outcome)} == {"ERASED"}
        assert receipts == []
        writer.commit()
        erasing.join(30)

    assert counted(receipts[0]) == (1, 0, 0)
    assert counts(connection) == (0, 0, 0)


def test_a_transaction_that_never_ends_does_not_hold_an_erasure_for_ever(
    database_url: str, connection: psycopg.Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr("agenttrace_server.store.erasures._WAIT_SECONDS", 0.2)
    send(database_url, whole_run(new_id(), session_id=SESSION))
    with psycopg.connect(database_url) as writer:
        writer.execute("UPDATE agent_runs SET tags = tags")
        with pytest.raises(StartupError, match="run this again"):
            erase(database_url, session_id=SESSION)

    assert counted(erase(database_url, session_id=SESSION)) == (1, 2, 1)


def test_the_services_roles_read_no_tombstones(connection: psycopg.Connection) -> None:
    for role in ("agenttrace_ingest", "agenttrace_query", "agenttrace_maintain", "agenttrace_grafana"):
        connection.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
        for statement in (
            "SELECT FROM erasures",
            "SELECT FROM erasure_keys",
            "DELETE FROM erasures",
            "SELECT erase_runs(1, '{}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("RESET ROLE")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
