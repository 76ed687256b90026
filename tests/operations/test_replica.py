"""A query service on a streaming replica, made as docs/postgresql.md says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace.v1 import query_service_pb2_grpc
from agenttrace_server.store import roles
from faults.courier import channel_to
from faults.health import QUERY, status
from faults.oracle import Generator, Journal
from faults.processes import IngestProcess, wait_until
from fix_metrics import Scrape
from operations.machine import Machine
from operations.service import new_database, send, serving
from pages import block
from ports import free_port

LAG = "agenttrace_db_replication_lag_seconds"
PAGE = "postgresql.md"


class Pair:
    """A primary with its replica, and the services on each."""

    def __init__(self, primary: str, replica: str, ingest: IngestProcess, query: IngestProcess) -> None:
        self.primary, self.replica = primary, replica
        self.ingest, self.query = ingest, query

    def on_replica(self, statement: str) -> object:
        with psycopg.connect(self.replica, autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return row and row[0]

    def lags(self) -> list[float]:
        return [sample.value for sample in Scrape(self.query.metrics_url).of(LAG)]


@pytest.fixture
def pair(a_machine: Machine, tmp_path: Path) -> Iterator[Pair]:
    server = a_machine.cluster("primary")
    url = new_database(server)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(block(PAGE, "replication").encode())
    data, port = a_machine.expect("replica"), str(free_port())
    as_replica = make_conninfo(f"{server}/postgres", user="replica", password="choose one")
    a_machine.run(block(PAGE, "replica"), PRIMARY_URL=as_replica, REPLICA_DATA=data, REPLICA_PORT=port)
    roles.set_passwords(url, {"query": "secret"})
    own = roles.url_of(make_conninfo(url, port=port), "query", "secret")
    replica = make_conninfo(url, port=port)
    with psycopg.connect(replica) as connection:
        wait_until(lambda: connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'agenttrace_query'")
                   .fetchone() == (True,), "the role is replicated")  # fmt: skip
    with (
        serving(tmp_path / "ingest", url) as ingest,
        serving(tmp_path / "query", url, name="query", query_database_url=own, page_token_key="shared") as query,
    ):
        yield Pair(url, replica, ingest, query)


def test_everything_is_read_from_the_replica_and_its_lag_is_told(pair: Pair, make: Generator, journal: Journal) -> None:
    assert pair.on_replica("SELECT pg_is_in_recovery()") is True
    wait_until(lambda: pair.lags() == [0.0], "the replica follows")
    items = make.runs(6, steps=(3, 6))
    with channel_to(pair.query.address) as channel:
        query = query_service_pb2_grpc.QueryServiceStub(channel)
        watch = query.WatchRuns(pb.WatchRunsRequest(), timeout=60)
        next(watch)  # the watch stands
        send(pair.ingest, make, items, journal)
        runs = {item.key[1] for item in items if item.key[0] == "runs"}
        told: set[str] = set()
        while told != runs:
            told |= {summary.run.run_id for summary in next(watch).runs}
        wait_until(lambda: len(listed(query)) == len(runs), "all of it is replayed")
        assert set(listed(query)) == runs
        details = query.GetRun(pb.GetRunRequest(run_id=min(runs)))
        stats = query.GetStats(pb.GetStatsRequest(), timeout=20)
        steps = [step for chunk in query.ListSteps(pb.ListStepsRequest(run_id=min(runs))) for step in chunk.steps]
        watch.cancel()

    assert details.run.run.run_id == min(runs)
    assert len(steps) == len([item for item in items if item.key[:2] == ("steps", min(runs))])
    assert str(stats)
    assert status(pair.query.address, QUERY) == "SERVING"

    # Nothing is replayed: what is told is old, and how old it is grows.
    pair.on_replica("SELECT pg_wal_replay_pause()")
    send(pair.ingest, make, make.runs(1), journal)
    wait_until(lambda: pair.lags()[0] > 0.5, "the lag grows", 40)
    assert status(pair.query.address, QUERY) == "SERVING"
    pair.on_replica("SELECT pg_wal_replay_resume()")
    wait_until(lambda: pair.lags() == [0.0], "the replica has caught up", 40)

    pair.query.assert_log_is_calm()
    on_primary = Scrape(pair.ingest.metrics_url)
    assert on_primary.of(LAG) == []


def test_a_watch_is_resumed_on_a_replica_that_is_behind(
    pair: Pair, make: Generator, journal: Journal, tmp_path: Path
) -> None:
    with serving(tmp_path / "primary-query", pair.primary, name="query", page_token_key="shared") as other:
        assert Scrape(other.metrics_url).of(LAG) == []
        pair.on_replica("SELECT pg_wal_replay_pause()")
        with channel_to(other.address) as channel:
            watch = query_service_pb2_grpc.QueryServiceStub(channel).WatchRuns(pb.WatchRunsRequest(), timeout=60)
            next(watch)
            send(pair.ingest, make, make.runs(3, steps=(1, 2)), journal)
            token = next(event.resume_token for event in watch if event.runs)
            watch.cancel()
        with channel_to(pair.query.address) as channel:
            stub = query_service_pb2_grpc.QueryServiceStub(channel)
            resumed = stub.WatchRuns(pb.WatchRunsRequest(resume_token=token), timeout=60)
            next(resumed)  # refused, it would raise
            pair.on_replica("SELECT pg_wal_replay_resume()")
            late = make.runs(1, steps=(1, 2))
            send(pair.ingest, make, late, journal)
            told: set[str] = set()
            while late[0].key[1] not in told:
                told |= {summary.run.run_id for summary in next(resumed).runs}
            resumed.cancel()


def listed(query: query_service_pb2_grpc.QueryServiceStub) -> list[str]:
    return [summary.run.run_id for chunk in query.ListRuns(pb.ListRunsRequest()) for summary in chunk.runs]
