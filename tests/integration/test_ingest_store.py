"""The store's promises: idempotent, in any order, counted exactly, conflicts found."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace.v1 import run_pb2, step_pb2
from agenttrace_server.records import Outcome
from agenttrace_server.store.ingest import IngestStore
from fix_store import assert_counters_equal_a_recount, empty, record, stored, with_store
from items import FAILURE, SUCCESS, at, ended, failure, new_id, run, step, upload

RUN_ID, OTHER_RUN_ID = sorted([new_id(), new_id()])
FIRST, RETRY, CHILD = new_id(), new_id(), new_id()


def outcomes(outcome: Outcome) -> list[list[str]]:
    return [[verdict.outcome for verdict in verdicts] for verdicts in (outcome.runs, outcome.steps, outcome.failures)]


def write(url: str, *messages: Any) -> list[Outcome]:
    async def act(store: IngestStore) -> list[Outcome]:
        return [await record(store, message) for message in messages]

    return with_store(url, act)


def one(connection: psycopg.Connection, columns: str) -> tuple[Any, ...]:
    row = connection.execute(f"SELECT {columns} FROM agent_runs WHERE run_id = %s", (RUN_ID,)).fetchone()  # type: ignore[arg-type]
    assert row
    return row


TRUE = run_pb2.AttributeValue(bool_value=True)

# Two runs told piece by piece: every message consistent with every other.
PIECES = [
    upload(runs=[run(RUN_ID, tags=["a"], attributes={"n": run_pb2.AttributeValue(int_value=1)})]),
    upload(runs=[run(RUN_ID, agent_id="", start_time=at(-5), agent_version="1.4.0", session_id="s-1")]),
    upload(runs=[run(RUN_ID, heartbeat_time=at(20), lease_duration=Duration(seconds=300), tags=["b", "a"])]),
    upload(runs=[ended(RUN_ID, status=SUCCESS, end_time=at(50), expected_step_count=3)]),
    upload(
        runs=[ended(RUN_ID, status=FAILURE, end_time=at(50), attributes={"x": run_pb2.AttributeValue(bool_value=True)})]
    ),
    upload(runs=[ended(RUN_ID, agent_id="", start_time=None, end_time=at(40), expected_step_count=2)]),
    upload(steps=[step(RUN_ID, step_id=FIRST, status=step_pb2.STEP_STATUS_ERROR, start_time=at(-30))]),
    upload(
        steps=[step(RUN_ID, step_id=RETRY, attempt=2, retry_of_step_id=FIRST, model={"usage": {"input_tokens": 5}})],
        failures=[failure(RUN_ID, step_id=FIRST, failure_id=FIRST, code="b_code")],
    ),
    upload(
        steps=[step(OTHER_RUN_ID, step_id=CHILD, parent_step_id=FIRST)],
        failures=[failure(OTHER_RUN_ID, failure_id=CHILD, code="a_code", type=4)],
    ),
    upload(runs=[run(OTHER_RUN_ID, parent_run_id=RUN_ID)], steps=[step(OTHER_RUN_ID, step_id=RETRY, name="plan")]),
]


@pytest.fixture(scope="module")
def module_database(postgres: Any) -> Any:
    name = postgres.create(template=postgres.template)
    yield postgres.url_of(name)
    postgres.drop(name)


class TestAllOrders:
    """One reference for all examples: the pieces in the order they stand in."""

    reference: Any = None

    def prepare(self, url: str, connection: psycopg.Connection) -> None:
        """Have the reference, and nothing stored."""
        if TestAllOrders.reference is None:
            empty(connection)
            write(url, *PIECES)
            TestAllOrders.reference = stored(connection)
        empty(connection)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_all_orders_and_repetitions_of_consistent_messages_give_the_same_rows(
        self, module_database: str, data: st.DataObject
    ) -> None:
        with psycopg.connect(module_database, autocommit=True) as connection:
            self.prepare(module_database, connection)
            repeated = PIECES + data.draw(st.lists(st.sampled_from(PIECES), max_size=6), label="repeated")
            pieces = data.draw(st.permutations(repeated), label="order")

            write(module_database, *grouped(data, pieces))

            assert stored(connection) == TestAllOrders.reference
            assert_counters_equal_a_recount(connection)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_so_do_all_of_them_at_once_from_several_clients(self, module_database: str, data: st.DataObject) -> None:
        with psycopg.connect(module_database, autocommit=True) as connection:
            self.prepare(module_database, connection)
            pieces = data.draw(st.permutations(PIECES * 2), label="order")

            async def act(store: IngestStore) -> None:
                await asyncio.gather(*(record(store, piece) for piece in pieces))

            with_store(module_database, act)

            assert stored(connection) == TestAllOrders.reference
            assert_counters_equal_a_recount(connection)


def grouped(data: st.DataObject, pieces: list[Any]) -> list[Any]:
    """Some neighbours put into one message."""
    messages = [upload()]
    for piece in pieces:
        if data.draw(st.booleans(), label="new message"):
            messages.append(upload())
        messages[-1].MergeFrom(piece)
    return messages


RUN_MESSAGES = [
    run(RUN_ID, tags=["a"]),
    run(RUN_ID, start_time=at(-5), agent_version="1.4.0", attributes={"n": run_pb2.AttributeValue(int_value=1)}),
    run(RUN_ID, agent_version="1.5.0"),
    run(RUN_ID, tags=[f"t{n}" for n in range(32)], heartbeat_time=at(9)),
    run(RUN_ID, attributes={"m": TRUE}, lease_duration=Duration(seconds=300)),
    ended(RUN_ID, end_time=at(50), expected_step_count=3),
    ended(RUN_ID, status=FAILURE, end_time=at(60)),
    ended(RUN_ID, start_time=at(-200), end_time=at(-100)),
    ended(RUN_ID, agent_id="", start_time=None, end_time=at(40), session_id="s-1"),
    run(OTHER_RUN_ID, parent_run_id=RUN_ID),
    ended(OTHER_RUN_ID, agent_id="other"),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.sampled_from(RUN_MESSAGES), min_size=2, max_size=7))
def test_messages_in_one_transaction_come_to_what_they_come_to_one_by_one(
    module_database: str, messages: list[run_pb2.Run]
) -> None:
    with psycopg.connect(module_database, autocommit=True) as connection:
        empty(connection)
        alone = [
            verdict
            for outcome in write(module_database, *(upload(runs=[m]) for m in messages))
            for verdict in outcome.runs
        ]
        expected = stored(connection)
        empty(connection)

        (together,) = write(module_database, upload(runs=messages))

        assert together.runs == alone
        assert stored(connection) == expected


def test_sending_again_is_duplicate_and_changes_no_counter(database_url: str, connection: psycopg.Connection) -> None:
    write(database_url, *PIECES)
    before = stored(connection)

    again = write(database_url, *PIECES)

    assert {verdict for outcome in again for verdicts in outcomes(outcome) for verdict in verdicts} == {"DUPLICATE"}
    assert stored(connection) == before


def test_the_same_step_twice_in_one_message_counts_once(database_url: str, connection: psycopg.Connection) -> None:
    same = step(RUN_ID)

    (outcome,) = write(database_url, upload(steps=[same, same]))

    assert outcomes(outcome)[1] == ["ACCEPTED", "DUPLICATE"]
    assert one(connection, "step_count") == (1,)


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("agent_id", {"agent_id": "a"}, {"agent_id": "b"}),
        ("agent_version", {"agent_version": "1"}, {"agent_version": "2"}),
        ("environment", {"environment": "staging"}, {"environment": "production"}),
        ("session_id", {"session_id": "1"}, {"session_id": "2"}),
        ("user_key", {"user_key": "a" * 64}, {"user_key": "b" * 64}),
        ("parent_run_id", {"parent_run_id": FIRST}, {"parent_run_id": RETRY}),
        (
            "attributes",
            {"attributes": {"k": run_pb2.AttributeValue(int_value=1)}},
            {"attributes": {"k": run_pb2.AttributeValue(double_value=1)}},
        ),
    ],
)
def test_a_run_message_that_contradicts_is_a_conflict_and_the_first_stays(
    database_url: str, connection: psycopg.Connection, column: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    write(database_url, upload(runs=[run(RUN_ID, **first)]))
    before = stored(connection)

    (outcome,) = write(database_url, upload(runs=[ended(RUN_ID, **second)]))

    assert outcome.runs == [("CONFLICT", column)]
    assert stored(connection) == before


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"sequence": 9}, {"tool": {"call_id": "c"}}, {"end_time": at(9)}]
)
def test_another_step_under_a_known_key_is_a_conflict(
    database_url: str, connection: psycopg.Connection, change: dict[str, Any]
) -> None:
    write(database_url, upload(steps=[step(RUN_ID, step_id=FIRST)]))
    before = stored(connection)

    (outcome,) = write(database_url, upload(steps=[step(RUN_ID, step_id=FIRST, **change), step(OTHER_RUN_ID)]))

    assert outcomes(outcome)[1] == ["CONFLICT", "ACCEPTED"]
    assert (
        stored(connection)["agent_steps"][0] in before["agent_steps"]
        or before["agent_steps"][0] in stored(connection)["agent_steps"]
    )


def test_another_failure_under_a_known_key_is_a_conflict(database_url: str) -> None:
    known = failure(RUN_ID, failure_id=FIRST)

    _, outcome = write(
        database_url, upload(failures=[known]), upload(failures=[known, failure(RUN_ID, failure_id=FIRST, code="x")])
    )

    assert outcomes(outcome)[2] == ["DUPLICATE", "CONFLICT"]


def test_steps_without_their_run_make_a_stub_that_the_run_fills(
    database_url: str, connection: psycopg.Connection
) -> None:
    write(database_url, upload(steps=[step(RUN_ID, start_time=at(1)), step(RUN_ID, start_time=at(-2), end_time=at(3))]))
    stub = one(connection, "is_stub, agent_id, status, step_count, start_time")

    write(database_url, upload(runs=[run(RUN_ID)]))

    assert stub == (True, None, "RUNNING", 2, at(-2).ToDatetime(stub[4].tzinfo))
    assert one(connection, "is_stub, agent_id, step_count, start_time") == (
        False,
        "support",
        2,
        at(0).ToDatetime(stub[4].tzinfo),
    )


def test_a_run_takes_10000_steps_and_still_knows_the_stored_ones(
    database_url: str, connection: psycopg.Connection
) -> None:
    stored_steps = [step(RUN_ID) for _ in range(9_999)]
    write(database_url, *(upload(steps=stored_steps[n : n + 1000]) for n in range(0, 9_999, 1000)))

    (outcome,) = write(database_url, upload(steps=[stored_steps[0], step(RUN_ID), step(RUN_ID), step(OTHER_RUN_ID)]))

    assert outcomes(outcome)[1] == ["DUPLICATE", "ACCEPTED", "TOO_MANY_STEPS", "ACCEPTED"]
    assert one(connection, "step_count") == (10_000,)


def test_the_end_of_a_run_can_not_come_before_a_start_that_was_told(database_url: str) -> None:
    _, outcome = write(
        database_url,
        upload(runs=[run(RUN_ID, start_time=at(10))]),
        upload(runs=[ended(RUN_ID, start_time=None, end_time=at(5))]),
    )

    assert outcome.runs == [("END_BEFORE_START", "end_time")]


def test_merged_tags_and_attributes_have_their_limit(database_url: str) -> None:
    attributes = {f"k{n}": run_pb2.AttributeValue(int_value=n) for n in range(32)}
    first = run(RUN_ID, tags=[f"t{n}" for n in range(32)], attributes=attributes)

    _, tags, more = write(
        database_url,
        upload(runs=[first]),
        upload(runs=[run(RUN_ID, tags=["one-more"])]),
        upload(runs=[run(RUN_ID, attributes={"one_more": run_pb2.AttributeValue(int_value=1)})]),
    )

    assert (tags.runs, more.runs) == ([("TOO_LONG", "tags")], [("TOO_LONG", "attributes")])


def test_an_abandoned_run_comes_back_with_any_sign_of_life(database_url: str, connection: psycopg.Connection) -> None:
    known = step(RUN_ID)
    write(database_url, upload(runs=[run(RUN_ID, lease_duration=Duration(seconds=60))], steps=[known]))
    connection.execute("UPDATE agent_runs SET update_time = now() - interval '61 s'")
    abandoned = connection.execute("SELECT run_count, first_count FROM maintain_abandon_runs('1 h', 10)").fetchone()
    status = one(connection, "status, end_time")

    write(database_url, upload(steps=[known]))

    assert (abandoned, status) == ((1, 1), ("ABANDONED", None))
    assert one(connection, "status") == ("RUNNING",)


def test_a_run_within_its_lease_is_not_abandoned(database_url: str, connection: psycopg.Connection) -> None:
    write(database_url, upload(runs=[run(RUN_ID), ended(OTHER_RUN_ID)]))
    connection.execute("UPDATE agent_runs SET update_time = now() - interval '59 min'")

    assert connection.execute("SELECT maintain_abandon_runs('1 h', 10)").fetchall() == []


def test_the_first_eight_codes_are_kept_whatever_the_order(database_url: str, connection: psycopg.Connection) -> None:
    write(database_url, *(upload(failures=[failure(RUN_ID, code=code)]) for code in "jihgfedcba"))

    assert one(connection, "failure_codes, failure_count") == (list("abcdefgh"), 10)


def test_a_run_lives_in_the_partition_of_its_day(database_url: str, connection: psycopg.Connection) -> None:
    write(database_url, upload(steps=[step(RUN_ID, start_time=at(-86_400 * 30), end_time=at(0))]))

    assert connection.execute("SELECT DISTINCT tableoid::regclass::text FROM agent_steps").fetchall() == [
        (f"agent_steps_{one(connection, 'day')[0]:%Y%m%d}",)
    ]
