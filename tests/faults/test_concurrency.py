"""Many clients at once: duplicates, any order, one run from several sides, load (F11 - F14)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2_grpc, run_pb2
from faults.conftest import Serve
from faults.courier import at_once, channel_to, cut, send, send_streams
from faults.oracle import KINDS, Generator, Journal, Message, check, request, stored
from faults.processes import IngestProcess
from fix_store import empty
from items import at, run, upload


@pytest.mark.parametrize(
    "resend", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["unmarked", "marked resend"]
)
def test_every_batch_sent_one_to_three_times_at_once_is_stored_once(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal,
    resend: bool,
) -> None:  # fmt: skip
    """F11"""
    items = make.runs(40)
    messages = make.messages(items)
    repeated = [message for message in messages for _ in range(chance.randint(1, 3))]
    chance.shuffle(repeated)

    assert send_streams(service.address, cut(repeated, 5), journal, clients=12, resend=resend) == []

    assert journal.errors == []
    check(connection, items, journal, complete=True)
    sent = Counter(item.key[0] for message in repeated for item in message)
    assert {kind: journal.accepted[kind] + journal.duplicate[kind] for kind in KINDS} == sent


def test_every_order_and_cut_of_the_same_items_gives_the_same_rows(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """F12, F13: steps, failures and ends come before starts, hours late, in one message or in many streams."""
    items = make.runs(8, steps=(0, 12))
    reference: list[Any] = []
    for sizes, clients in (((len(items),) * 2, 1), ((1, 1), 6), ((1, 5), 3), ((3, 30), 2), ((1, 60), 8)):
        empty(connection)
        messages = make.messages(items, sizes=sizes)

        assert send_streams(service.address, cut(messages, 10), journal, clients=clients) == []

        found = sorted(stored(connection).items()), _summaries(connection)
        reference = reference or found  # type: ignore[assignment]
        assert found == reference
        assert {key for key, _ in found[0]} == {item.key for item in items}


def _summaries(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(
        "SELECT run_id, is_stub, start_time, end_time, status, step_count, failed_step_count, retry_count, "
        "failure_count, failure_types, failure_codes, input_tokens, output_tokens, cost_micro_usd "
        "FROM agent_runs ORDER BY run_id"
    ).fetchall()


@pytest.mark.parametrize("kind", ["end", "steps", "failures"])
def test_what_comes_before_its_runs_start_is_kept_beside_a_stub_that_the_start_fills(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal, kind: str
) -> None:
    """F13"""
    items = [item for n in range(20) for item in make.run(5)]
    starts = [item for item in items if item.key[2] == "start"]
    early = [item for item in items if kind in item.key]
    for item in early if kind == "end" else ():
        item.message.ClearField("start_time")
    with channel_to(service.address) as channel:
        assert send(channel, [early], journal) == []
        check(connection, early, journal, complete=True)
        stubs = connection.execute("SELECT count(*) FROM agent_runs WHERE is_stub").fetchone()
        assert stubs == (len({item.key[1] for item in early}),)

        assert send(channel, [starts], journal) == []

    check(connection, [*early, *starts], journal, complete=True)
    assert connection.execute("SELECT count(*) FROM agent_runs WHERE is_stub").fetchone() == (0,)


def test_two_services_merge_one_run_without_losing_an_update(
    serve: Serve, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """F14: 16 clients of two services tell one run piece by piece, and count its steps."""
    services = serve(), serve()
    whole = make.run(200)
    run_id = whole[0].key[1]
    pieces = [
        upload(
            runs=[
                run(
                    run_id,
                    agent_id="",
                    start_time=whole[0].message.start_time,
                    heartbeat_time=at(100 + n),
                    tags=[f"t{n}", "all"],
                    attributes={f"k{n}": run_pb2.AttributeValue(int_value=n)},
                )
            ]
        )
        for n in range(30)
    ]
    messages = make.messages(whole, sizes=(1, 10))

    def tell(service: IngestProcess, part: int) -> None:
        with channel_to(service.address) as channel:
            stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
            for n, piece in enumerate(pieces[part::8]):
                counts = stub.UploadSteps(iter([piece])).counts.runs
                assert (counts.accepted, counts.rejected) == (1, 0)
                assert send(channel, messages[part::8][n * 2 : n * 2 + 2], journal) == []
            assert send(channel, messages[part::8][n * 2 + 2 :], journal) == []

    at_once([lambda n=n: tell(services[n % 2], n) for n in range(8)])

    check(connection, whole, journal, complete=True)
    ((tags, attributes, beat, count),) = connection.execute(
        "SELECT tags, attributes, heartbeat_time, step_count FROM agent_runs"
    ).fetchall()
    assert tags == sorted({"all", *(f"t{n}" for n in range(30))})
    assert attributes == {f"k{n}": n for n in range(30)}
    assert (beat.timestamp(), count) == (at(129).seconds, 200)


def test_concurrent_ingestion_under_load_is_exact(
    service: IngestProcess, connection: psycopg.Connection, chance: random.Random, make: Generator, journal: Journal
) -> None:
    """40 streams at once, batches of 1 to 300, a fifth of them sent again, all of it in random order."""
    items = make.runs(500, steps=(0, 40))
    messages = [m for n, most in enumerate((3, 40, 300)) for m in make.messages(items[n::3], sizes=(1, most))]
    again = chance.sample(messages, len(messages) // 5)
    everything = chance.sample(messages + again, len(messages) + len(again))
    size = -(-len(everything) // 40)

    left = send_streams(service.address, cut(everything, size), journal, clients=40)

    assert (left, journal.errors) == ([], [])
    check(connection, items, journal, complete=True)
    assert journal.duplicate["steps"] == sum(item.key[0] == "steps" for message in again for item in message)
    service.assert_log_is_calm()


def test_200_streams_of_one_message_at_once_share_commits_and_are_exact(
    service: IngestProcess, connection: psycopg.Connection, make: Generator, journal: Journal
) -> None:
    """None is cancelled, and far fewer transactions than streams are needed."""
    runs = [make.run(1) for _ in range(200)]
    channels = [channel_to(service.address) for _ in range(4)]
    calls: list[tuple[list[Message], Any]] = []
    for n, items in enumerate(runs):
        stub = ingest_service_pb2_grpc.IngestServiceStub(channels[n % 4])
        calls.append(([items], stub.UploadSteps.future(iter([request(items)]), timeout=30)))
    for messages, call in calls:
        journal.acknowledge(messages, call.result())
    for channel in channels:
        channel.close()

    check(connection, [item for items in runs for item in items], journal, complete=True)
    assert len(journal.acknowledged()) == sum(map(len, runs))
