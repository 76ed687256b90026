"""What happens at a key's limits, over the wire; what was taken before is never lost."""

from __future__ import annotations

import queue
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import psycopg
import pytest

import agenttrace
from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import query_service_pb2 as query
from faults.courier import explain
from fix_keys import asking_for_keys, new_key, with_key
from fix_server import Services, config_for, running
from items import batch, new_id, step, upload


def steps(count: int) -> pb.UploadStepsRequest:
    run_id = new_id()
    return upload(steps=[step(run_id, sequence=number) for number in range(count)])


def limited_by(services: Services, limit: str) -> float:
    with urllib.request.urlopen(services.ingest_metrics_url) as answer:
        lines = answer.read().decode().splitlines()
    counted = [line for line in lines if line.startswith(f'agenttrace_rate_limited_total{{limit="{limit}"}}')]
    return float(counted[0].split()[1]) if counted else 0.0


@pytest.mark.parametrize(
    ("limit", "settings"), [("items", {"rate_limit_items": 100}), ("bytes", {"rate_limit_bytes": 10_000})]
)
def test_a_stream_far_ahead_of_its_rate_is_answered_and_the_next_call_refused(
    database_url: str, connection: psycopg.Connection, limit: str, settings: dict[str, int]
) -> None:
    messages = [steps(350) for _ in range(3)]
    assert 30_000 < messages[0].ByteSize() < 50_000
    with running(config_for(database_url, **settings)) as services:
        response = services.ingest.UploadSteps(iter(messages), timeout=20)
        with pytest.raises(grpc.RpcError) as refused:
            services.ingest.RecordBatch(batch(steps=messages[1].steps), timeout=20)
        status, reason, seconds = explain(refused.value)
        time.sleep(seconds)
        again = services.ingest.RecordBatch(batch(steps=messages[1].steps), timeout=20)
        assert limited_by(services, limit) == 2

    assert (response.acknowledged_message_count, response.close_reason) == (1, pb.CLOSE_REASON_RATE_LIMIT)
    assert (status, reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert 1 < seconds < 4
    assert again.counts.steps.accepted == 350
    assert connection.execute("SELECT count(*) FROM agent_steps").fetchone() == (700,)


def test_a_short_excess_slows_the_stream_down_and_is_no_error(database_url: str) -> None:
    with running(config_for(database_url, rate_limit_items=1000)) as services:
        began = time.monotonic()

        response = services.ingest.UploadSteps(iter([steps(100) for _ in range(22)]), timeout=20)

        assert time.monotonic() - began > 1.0
        assert limited_by(services, "items") == 0
    assert response.counts.steps.accepted == 2200
    assert response.close_reason == pb.CLOSE_REASON_UNSPECIFIED


def test_streams_beyond_their_number_are_refused_and_other_calls_are_not(database_url: str) -> None:
    with running(config_for(database_url, rate_limit_streams=2)) as services, ExitStack() as stack:
        watches = [stack.enter_context(watching(services)) for _ in range(2)]
        with pytest.raises(grpc.RpcError) as refused:
            list(services.query.ListRuns(query.ListRunsRequest(), timeout=20))
        services.query.GetStats(query.GetStatsRequest(), timeout=20)
        # The ingest service counts its own.
        assert services.ingest.UploadSteps(iter([steps(1)]), timeout=20).acknowledged_message_count == 1

        watches[0].close()
        listed = until_served(services)

    assert explain(refused.value) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED", 1.0)
    assert listed


class watching:  # noqa: N801  # used as a function
    """A watch that is open until it is closed."""

    def __init__(self, services: Services) -> None:
        self._call = services.query.WatchRuns(query.WatchRunsRequest(), timeout=60)
        next(self._call)

    def __enter__(self) -> watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._call.cancel()


def until_served(services: Services) -> bool:
    """List until the closed watch has been noticed."""
    for _ in range(100):
        try:
            list(services.query.ListRuns(query.ListRunsRequest(), timeout=20))
        except grpc.RpcError:
            time.sleep(0.05)
        else:
            return True
    return False


def test_one_key_does_not_pay_for_another(database_url: str) -> None:
    loud, calm = new_key(database_url), new_key(database_url)
    message = steps(300)
    with asking_for_keys(database_url, rate_limit_items=50) as services:
        services.ingest.UploadSteps(iter([message]), metadata=with_key(loud), timeout=20)
        with pytest.raises(grpc.RpcError) as refused:
            services.ingest.UploadSteps(iter([message]), metadata=with_key(loud), timeout=20)

        other = services.ingest.UploadSteps(iter([message]), metadata=with_key(calm), timeout=20)

    assert explain(refused.value)[1] == "RATE_LIMITED"
    assert other.counts.steps.duplicate == 300


def test_a_stream_that_was_limited_still_ends_when_its_client_goes(database_url: str) -> None:
    messages: queue.SimpleQueue[pb.UploadStepsRequest | None] = queue.SimpleQueue()

    def requests() -> Iterator[pb.UploadStepsRequest]:
        yield from iter(messages.get, None)

    with running(config_for(database_url, rate_limit_items=100, rate_limit_streams=1)) as services:
        call = services.ingest.UploadSteps.future(requests(), timeout=20)
        messages.put(steps(180))
        messages.put(steps(1))
        time.sleep(0.3)
        call.cancel()
        messages.put(None)

        time.sleep(0.8)
        assert services.ingest.UploadSteps(iter([steps(1)]), timeout=20).acknowledged_message_count == 1


def test_the_sdk_delivers_all_of_it_in_its_time(database_url: str, connection: psycopg.Connection) -> None:
    with running(config_for(database_url, rate_limit_items=400)) as services:
        tracer = agenttrace.Tracer("support", endpoint=services.ingest_address, api_key="")
        for _ in range(3):  # batches of their own, so that one comes while the key is far ahead
            with tracer.run() as run:
                for _ in range(700):
                    with run.step("tool", "lookup"):
                        pass
            time.sleep(0.2)
        receipt = tracer.close(timeout_seconds=30)
        assert limited_by(services, "items") > 0

    assert (receipt.dropped, receipt.rejected) == (0, 0)
    assert connection.execute("SELECT count(*) FROM agent_steps").fetchone() == (2100,)


def test_a_name_too_many_is_refused_and_its_items_neighbours_are_not(
    database_url: str, connection: psycopg.Connection
) -> None:
    run_id = new_id()
    with running(config_for(database_url, name_limit=20)) as services:
        message = upload(steps=[step(run_id, name=f"step-{number}", sequence=number) for number in range(25)])
        response = services.ingest.UploadSteps(iter([message]), timeout=20)
        known = services.ingest.RecordBatch(batch(steps=[step(run_id, name="step-7")]), timeout=20)

    assert (response.counts.steps.accepted, response.counts.steps.rejected) == (20, 5)
    assert {(refused.reason, refused.field) for refused in response.rejections} == {
        (pb.REJECTION_REASON_TOO_MANY_NAMES, pb.REJECTION_FIELD_NAME)
    }
    assert known.counts.steps.accepted == 1
    assert connection.execute("SELECT count(DISTINCT name) FROM agent_steps").fetchone() == (20,)
