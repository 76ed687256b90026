"""What differs from this server: a newer schema beneath it, newer clients, clocks (F16, F43, F44)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server.store import migrations
from agenttrace_server.store.migrations import Migration
from faults.conftest import Serve
from faults.courier import at_once, channel_to, cut, send_streams
from faults.health import INGEST, status
from faults.oracle import Generator, Journal, check
from faults.processes import IngestProcess
from items import BEGIN, failure, new_id, run, step, upload

# What a release may do to the schema while the one before it is still running.
EXPAND = """
ALTER TABLE agent_runs ADD COLUMN region text CHECK (region <> '');
ALTER TABLE agent_steps ADD COLUMN region text, ADD COLUMN weight bigint NOT NULL DEFAULT 0;
ALTER TABLE agent_failures ADD COLUMN region text;
CREATE TABLE regions (region text PRIMARY KEY);
GRANT SELECT ON regions TO agenttrace_query;
CREATE FUNCTION ingest_region(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
"""


def test_a_newer_schema_is_applied_under_load_and_nobody_notices(
    serve: Serve, connection: psycopg.Connection, database_url: str, make: Generator, journal: Journal
) -> None:
    """F43: columns, a table and a function more. This server goes on, and starts again on it."""
    service = serve()
    items = make.runs(150)
    streams = cut(make.messages(items, sizes=(5, 40)), 4)
    newest = migrations.expected_version()
    newer = (*migrations.available(), Migration(newest + 1, "expand", EXPAND))
    applied: list[Any] = []

    def migrate() -> None:
        applied.extend(migrations.migrate(database_url, newer))

    at_once([lambda: _send_all(service, streams, journal), migrate])

    assert len(applied) == 1
    assert journal.errors == []
    assert status(service.address, INGEST) == "SERVING"
    more = make.runs(10)
    assert send_streams(serve().address, [make.messages(more)], journal) == []
    check(connection, [*items, *more], journal, complete=True)
    service.assert_log_is_calm()


def _send_all(service: IngestProcess, streams: Any, journal: Journal) -> None:
    assert send_streams(service.address, streams, journal) == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [("runs", "status"), ("steps", "type"), ("steps", "status"), ("failures", "type")],
)
def test_an_enum_value_of_a_newer_client_rejects_its_item_alone(
    shared_service: IngestProcess, kind: str, field: str
) -> None:
    """F44: what it means is not known here; it is counted, and its neighbours are stored."""
    run_id = new_id()
    made = {"runs": run(run_id), "steps": step(run_id), "failures": failure(run_id)}[kind]
    setattr(made, field, 93)
    message = upload(steps=[step(run_id)])
    getattr(message, kind).append(made)

    response = _upload(shared_service, message)

    assert [rejection.reason for rejection in response.rejections] == [pb.REJECTION_REASON_INVALID_ENUM]
    assert getattr(response.counts, kind).rejected == 1
    assert response.counts.steps.accepted == 1


def test_fields_of_a_newer_client_are_counted_and_everything_else_is_taken(shared_service: IngestProcess) -> None:
    """F44, at every depth: in the message, in a step, in its model call."""
    made = step(new_id(), model={"request_model": "m-1"})
    unknown = bytes([0xFA, 0x3F, 0x03]) + b"new"  # field 1023, of three bytes
    made.model.MergeFromString(unknown)
    made.MergeFromString(unknown)
    message = upload(steps=[made])
    message.MergeFromString(unknown)

    response = _upload(shared_service, message)

    assert (response.counts.unknown_field_count, response.counts.steps.accepted) == (3, 1)


def _upload(service: IngestProcess, message: pb.UploadStepsRequest) -> pb.UploadStepsResponse:
    with channel_to(service.address) as channel:
        return ingest_service_pb2_grpc.IngestServiceStub(channel).UploadSteps(iter([message]), timeout=20)


TEN_YEARS = 10 * 365 * 86_400
CLOCK_REASONS = {"REJECTION_REASON_TOO_OLD", "REJECTION_REASON_IN_FUTURE", "REJECTION_REASON_END_BEFORE_START"}


def test_clocks_that_are_years_off_never_give_a_negative_duration(
    shared_service: IngestProcess, shared_connection: psycopg.Connection, chance: random.Random
) -> None:
    """F16: what can not be is rejected with its reason, item by item; what is stored ends after it began."""
    run_id = new_id()
    made = [step(run_id, start_time=_moment(chance), end_time=_moment(chance)) for _ in range(400)]

    response = _upload(shared_service, upload(steps=made))

    counts = response.counts.steps
    assert counts.accepted + counts.rejected == 400
    assert min(counts.accepted, counts.rejected) > 20
    assert {pb.RejectionReason.Name(rejection.reason) for rejection in response.rejections} == CLOCK_REASONS
    stored = shared_connection.execute(
        "SELECT count(*), min(end_time - start_time) FROM agent_steps WHERE run_id = %s", (run_id,)
    ).fetchone()
    assert stored is not None
    assert stored[0] == counts.accepted
    assert stored[1] >= timedelta(0)


def _moment(chance: random.Random) -> Timestamp:
    """Now, a little off, or years off."""
    skew = chance.choice((0, 60, 3600, 86_400, TEN_YEARS))
    moment = Timestamp()
    moment.FromDatetime(BEGIN + timedelta(seconds=chance.uniform(-skew, skew)))
    return moment
