"""`serve ingest --workers N`: several processes on one port."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import grpc
import psycopg

from agenttrace.v1 import ingest_service_pb2_grpc
from fix_product import COMMAND, clean_environment, run_server
from fix_store import assert_counters_equal_a_recount
from items import batch, new_id, step

SETTINGS = {"AGENTTRACE_SERVER_INGEST_ADDRESS": "127.0.0.1:0", "AGENTTRACE_SERVER_INGEST_METRICS_PORT": "0"}


def accepted_by(metrics_url: str) -> float:
    with urllib.request.urlopen(metrics_url) as answer:
        lines = answer.read().decode().splitlines()
    counted = [
        line for line in lines if line.startswith('agenttrace_ingest_items_total{item="step",outcome="accepted"}')
    ]
    return float(counted[0].split()[1]) if counted else 0.0


def test_two_workers_share_a_port_and_the_work(
    tmp_path: Path, database_url: str, connection: psycopg.Connection
) -> None:
    report_file = tmp_path / "report.json"
    command = [*COMMAND, "serve", "ingest", "--workers", "2", "--report-file", str(report_file)]
    environment = clean_environment(AGENTTRACE_SERVER_DATABASE_URL=database_url, **SETTINGS)
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not report_file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        report = json.loads(report_file.read_text())
        run_id = new_id()
        for number in range(20):
            # A connection of its own for each, so that the kernel has something to share out.
            with grpc.insecure_channel(report["address"], [("grpc.use_local_subchannel_pool", 1)]) as channel:
                stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
                stub.RecordBatch(batch(steps=[step(run_id, sequence=number)]))
        shares = [accepted_by(url) for url in report["metrics_urls"]]
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)

    assert code == 0
    assert sum(shares) == 20
    assert min(shares) > 0
    assert connection.execute("SELECT step_count FROM agent_runs").fetchall() == [(20,)]
    assert_counters_equal_a_recount(connection)


def test_workers_are_for_ingest(tmp_path: Path) -> None:
    done = run_server("serve", "query", "--workers", "2", cwd=tmp_path)

    assert (done.returncode, "--workers is for ingest" in done.stderr) == (2, True)
