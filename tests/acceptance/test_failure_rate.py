"""One failure rate: the same number from the query service, the dashboards' SQL and the metrics."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agenttrace.v1 import query_service_pb2, run_pb2
from dashboard_files import TimeRange, boards, expand, statements
from fix_grafana import BASE
from fix_maintain import maintain_once
from fix_server import Services
from items import batch, ended, new_id, run

COUNTS = {
    run_pb2.RUN_STATUS_SUCCESS: 12, run_pb2.RUN_STATUS_PARTIAL: 3, run_pb2.RUN_STATUS_FAILURE: 5,
    run_pb2.RUN_STATUS_CANCELLED: 4,
}  # fmt: skip
WINDOW = TimeRange(datetime.now(UTC) + timedelta(hours=1), timedelta(days=2))


@pytest.fixture
def uploaded(services: Services) -> Services:
    """Twenty runs that count, five of them failed; cancelled ones and two that run do not count."""
    runs = [ended(new_id(), status=status) for status, count in COUNTS.items() for _ in range(count)]
    response = services.ingest.RecordBatch(batch(runs=[*runs, run(new_id()), run(new_id())]))
    assert list(response.rejections) == []
    return services


def from_get_stats(services: Services) -> float:
    return float(services.query.GetStats(query_service_pb2.GetStatsRequest()).totals.failure_rate)


def from_dashboards(services: Services) -> dict[str, float]:
    """Every stat of every dashboard that is called so: its last row, which is what it shows."""
    found = {}
    with psycopg.connect(services.database_url, autocommit=True, options="-c role=agenttrace_grafana") as connection:
        for uid, board in boards().items():
            for title, panel, target in statements(board):
                if panel and panel["type"] == "stat" and title == "Failure rate":
                    rows = connection.execute(expand(target["rawSql"], BASE, WINDOW)).fetchall()  # type: ignore[call-overload]
                    found[uid] = float(rows[-1][-1])
    return found


def from_metrics(services: Services) -> float:
    """As the recording rules have it, of counters that began at nothing."""
    with urllib.request.urlopen(services.ingest_metrics_url) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        ended_runs = {
            sample.labels["status"]: sample.value
            for family in families
            for sample in family.samples
            if sample.name == "agenttrace_runs_finished_total" and sample.labels["agent"] == "support"
        }
    failed = ended_runs["FAILURE"] + ended_runs.get("ABANDONED", 0)
    return failed / sum(value for status, value in ended_runs.items() if status != "CANCELLED")


def test_all_say_the_same(uploaded: Services) -> None:
    assert from_get_stats(uploaded) == 0.25
    assert from_dashboards(uploaded) == {
        "agenttrace-overview": 0.25, "agenttrace-runs": 0.25, "agenttrace-failures": 0.25,
    }  # fmt: skip
    assert from_metrics(uploaded) == 0.25


def test_an_abandoned_run_counts_as_failed(uploaded: Services) -> None:
    """It has no end, and nobody saw it fail but the server."""
    with psycopg.connect(uploaded.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE agent_runs SET update_time = now() - interval '2 days', heartbeat_time = NULL, "
            "lease_duration = '1 min' WHERE status = 'RUNNING'"
        )

    maintain_once(uploaded.database_url)

    assert from_get_stats(uploaded) == pytest.approx(7 / 22)
    assert list(from_dashboards(uploaded).values()) == [pytest.approx(7 / 22)] * 3
