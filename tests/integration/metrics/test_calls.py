"""What the metrics say of calls, of every kind and however they end; and of the text they come in."""

from __future__ import annotations

import asyncio
import subprocess

import grpc
import psycopg
import pytest

from agenttrace.v1 import query_service_pb2
from agenttrace_server import server
from fix_metrics import Scrape, scrape, until
from fix_server import Services, config_for
from items import batch, ended, failure, new_id, run, step, upload
from tools import tool

_TOTALS = ("grpc_server_started_total", "grpc_server_msg_received_total", "grpc_server_msg_sent_total")


def of_method(url: str, method: str) -> tuple[dict[str, float], list[float], float]:
    """How the calls of a method ended; how many began, and their messages; how many have not ended."""
    found = Scrape(url)
    ended_as = found.by("grpc_code", "grpc_server_handled_total", grpc_method=method)
    totals = [found.total(name, grpc_method=method) for name in _TOTALS]
    assert found.total("grpc_server_handling_seconds_count", grpc_method=method) == sum(ended_as.values())
    return ended_as, totals, found.total("agenttrace_rpc_in_flight", grpc_method=method)


def test_a_unary_call_and_a_stream_count_their_messages(services: Services) -> None:
    services.ingest.RecordBatch(batch(runs=[run(new_id())]), timeout=30)
    services.ingest.UploadSteps((upload(runs=[run(new_id())]) for _ in range(7)), timeout=30)

    url = services.ingest_metrics_url
    until(lambda: of_method(url, "UploadSteps")[0])
    assert of_method(url, "RecordBatch") == ({"OK": 1}, [1, 1, 1], 0)
    assert of_method(url, "UploadSteps") == ({"OK": 1}, [1, 7, 1], 0)
    payloads = Scrape(url)
    assert payloads.total("agenttrace_ingest_payload_bytes_count") == 8


def test_a_listing_counts_each_of_its_chunks(services: Services) -> None:
    services.ingest.RecordBatch(batch(runs=[run(new_id()) for _ in range(5)]), timeout=30)

    chunks = list(services.query.ListRuns(query_service_pb2.ListRunsRequest(page_size=2), timeout=30))

    url = services.query_metrics_url
    until(lambda: of_method(url, "ListRuns")[0])
    assert of_method(url, "ListRuns") == ({"OK": 1}, [1, 1, len(chunks)], 0)
    assert len(chunks) > 1


def test_a_call_that_is_refused_counts_under_its_code(services: Services) -> None:
    request = query_service_pb2.GetRunRequest(run_id=new_id())
    with pytest.raises(grpc.RpcError):
        services.query.GetRun(request, timeout=30)

    url = services.query_metrics_url
    until(lambda: of_method(url, "GetRun")[0])
    assert of_method(url, "GetRun") == ({"NotFound": 1}, [1, 1, 0], 0)
    exemplars = [s.exemplar for s in Scrape(url).of("grpc_server_handling_seconds_bucket", grpc_method="GetRun")]
    assert [e.labels for e in exemplars if e] == [{"run_id": request.run_id}]


def test_a_damaged_message_ends_its_call_and_counts(services: Services) -> None:
    call = services.ingest_channel.unary_unary("/agenttrace.v1.IngestService/RecordBatch")
    with pytest.raises(grpc.RpcError):
        call(b"\xff\xff", timeout=30)

    until(lambda: of_method(services.ingest_metrics_url, "RecordBatch")[0])
    found = Scrape(services.ingest_metrics_url)
    assert found.by("grpc_code", "grpc_server_handled_total") == {"InvalidArgument": 1}
    assert found.by("item", "agenttrace_ingest_items_total") == {"message": 1}
    assert found.by("reason", "agenttrace_ingest_rejections_total") == {"MALFORMED_MESSAGE": 1}


def test_a_watch_is_in_flight_until_it_is_cancelled(services: Services) -> None:
    url = services.query_metrics_url
    watch = services.query.WatchRuns(query_service_pb2.WatchRunsRequest())
    until(lambda: of_method(url, "WatchRuns")[2])

    watch.cancel()

    until(lambda: not of_method(url, "WatchRuns")[2])
    ended_as, (started, received, _), _ = of_method(url, "WatchRuns")
    assert (ended_as, started, received) == ({"Canceled": 1}, 1, 1)


def test_an_upload_that_its_client_leaves_is_cancelled(services: Services, connection: psycopg.Connection) -> None:
    """While what it sent waits to be written; it is written all the same, and counted."""
    url = services.ingest_metrics_url
    with psycopg.connect(services.database_url) as locking:
        locking.execute("LOCK TABLE agent_steps IN ACCESS EXCLUSIVE MODE")
        call = services.ingest.UploadSteps.future(iter([upload(steps=[step(new_id())])]))
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE '%writer'"
        until(lambda: connection.execute(waiting).fetchall())
        call.cancel()
        until(lambda: of_method(url, "UploadSteps")[0])
        locking.rollback()

    until(lambda: Scrape(url).by("agent", "agenttrace_steps_total"))
    assert of_method(url, "UploadSteps") == ({"Canceled": 1}, [1, 1, 0], 0)
    assert Scrape(url).total("agenttrace_ingest_items_total", item="step", outcome="accepted") == 1


def test_a_method_that_there_is_not_has_no_name(services: Services) -> None:
    for path in ("/agenttrace.v1.IngestService/Anna", "/my/name"):
        with pytest.raises(grpc.RpcError):
            services.ingest_channel.unary_unary(path)(b"", timeout=30)

    text = scrape(services.ingest_metrics_url)
    assert "Anna" not in text
    assert Scrape(services.ingest_metrics_url).by(
        "grpc_code", "grpc_server_handled_total", grpc_service="_OTHER", grpc_method="_OTHER"
    ) == {"Unimplemented": 2}


@pytest.mark.parametrize(("service", "methods"), [("ingest", 2), ("query", 7)])
def test_the_series_of_every_method_begin_at_zero(services: Services, service: str, methods: int) -> None:
    found = Scrape(getattr(services, f"{service}_metrics_url"))
    ours = f"agenttrace.v1.{service.title()}Service"

    for name in (*_TOTALS, "grpc_server_handling_seconds_count", "agenttrace_rpc_in_flight"):
        assert [s.value for s in found.of(name, grpc_service=ours)] == [0] * methods
    assert [s.value for s in found.of("grpc_server_handled_total", grpc_service=ours)] == [0] * methods * 17


def test_the_database_is_seen_by_what_was_asked_of_it(services: Services, connection: psycopg.Connection) -> None:
    services.ingest.RecordBatch(batch(runs=[run(new_id())]), timeout=30)
    list(services.query.ListRuns(query_service_pb2.ListRunsRequest(), timeout=30))
    (version,) = connection.execute("SELECT max(version) FROM schema_migrations").fetchone() or ()

    ingest, query = Scrape(services.ingest_metrics_url), Scrape(services.query_metrics_url)

    assert ingest.total("agenttrace_db_query_seconds_count", operation="write") == 1
    assert query.total("agenttrace_db_query_seconds_count", operation="list_runs") == 1
    for found in (ingest, query):
        assert found.total("agenttrace_schema_version") == version
        assert found.total("agenttrace_ready", dependency="database") == 1
        assert found.total("agenttrace_db_pool_requests_total") > 0
        assert found.total("agenttrace_db_pool_usage_seconds_total") > 0
        assert found.total("agenttrace_db_pool_connections") > 0


def test_promtool_finds_nothing_wrong(services: Services) -> None:
    promtool = tool("promtool", package="prometheus")
    run_id = new_id()
    services.ingest.RecordBatch(batch(runs=[ended(run_id)], steps=[step(run_id)], failures=[failure(run_id)]))
    list(services.query.ListRuns(query_service_pb2.ListRunsRequest(), timeout=30))

    async def maintain() -> str:
        async with server.maintain_service(config_for(services.database_url)) as endpoints:
            return await asyncio.to_thread(scrape, endpoints.metrics_url, "text/plain")

    texts = [scrape(url, "text/plain") for url in (services.ingest_metrics_url, services.query_metrics_url)]
    for text in (*texts, asyncio.run(maintain())):
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
