"""`agenttrace-server privacy verify` against the real product, and that it finds what leaks."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server import limits, logs
from agenttrace_server.errors import StartupError
from agenttrace_server.privacy import canaries, slots, verification
from agenttrace_server.privacy.verification import Report, Where
from fix_product import Product, run_server, up
from fix_server import Services
from items import batch, new_id, step


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Path, dict[str, Any], str]]:
    """A product that logs everything, and its verification, printed for people and for machines."""
    folder = tmp_path_factory.mktemp("verified")
    with up(folder, AGENTTRACE_SERVER_LOG_LEVEL="DEBUG") as product:
        printed, as_json = (verify(product, folder, *arguments) for arguments in ((), ("--json",)))
        yield product, folder, json.loads(as_json[1]), printed[1]
        assert (printed[0], as_json[0]) == (0, 0)


def verify(product: Product, folder: Path, *arguments: str) -> tuple[int, str]:
    endpoints = product.endpoints
    metrics = [argument for url in endpoints["metrics"].values() for argument in ("--metrics-url", url)]
    done = run_server(
        *("privacy", "verify", "--endpoint", endpoints["ingest"], "--log-file", str(folder / "up.log")),
        *("--database-url", endpoints["database_url"], *metrics, *arguments),
        cwd=folder,
    )
    assert done.stderr == "" or done.returncode == 2, done.stderr
    return done.returncode, done.stdout or done.stderr


Verified = tuple[Product, Path, dict[str, Any], str]


def test_no_canary_that_is_claimed_passes_any_slot(verified: Verified) -> None:
    rows = verified[2]["rows"]
    claimed = [row for row in rows if row["is_claimed"]]
    print(verified[3])

    assert sum(row["sent"] for row in claimed) > 2000
    assert [row for row in claimed if row["passed"] or row["sent"] != row["refused"]] == []
    assert verified[2]["holds"]


def test_what_is_not_claimed_passes_and_is_told(verified: Verified) -> None:
    opaque = [row for row in verified[2]["rows"] if not row["is_claimed"]]

    assert {row["canary"] for row in opaque} == {canary.name for canary in canaries.OPAQUE}
    assert all(row["passed"] for row in opaque)
    assert "not claimed" in verified[3]
    assert "registry mode refuses them" in verified[3]


def test_every_place_is_looked_at(verified: Verified) -> None:
    assert {place["name"] for place in verified[2]["places"] if place["looked"]} == {
        "replies and errors",
        "metrics",
        "logs",
        "database",
    }
    assert [place["found"] for place in verified[2]["places"]] == [[], [], [], []]


def test_a_log_at_level_debug_was_really_written(verified: Verified) -> None:
    assert '"level": "DEBUG"' in (verified[1] / "up.log").read_text()


def test_what_the_database_says_of_a_row_comes_into_no_answer_and_no_log(verified: Verified) -> None:
    """PostgreSQL quotes the row that it refuses; here one that only a constraint of the operator's refuses."""
    product, folder, *_ = verified
    name = canaries.new_seed()
    with psycopg.connect(product.endpoints["database_url"], autocommit=True) as connection:
        connection.execute(f"ALTER TABLE agent_steps ADD CONSTRAINT own CHECK (name <> '{name}')")  # type: ignore[arg-type]
    with grpc.insecure_channel(product.endpoints["ingest"]) as channel:
        request = batch(steps=[step(new_id(), name=name), step(new_id())])

        response = ingest_service_pb2_grpc.IngestServiceStub(channel).RecordBatch(request)

    assert [r.reason for r in response.rejections] == [pb.REJECTION_REASON_INCONSISTENT]
    assert response.counts.steps.accepted == 1
    log = (folder / "up.log").read_text()
    assert "row_refused" in log
    assert name not in log + str(response)


def test_a_log_names_exceptions_and_repeats_neither_text_nor_locals() -> None:
    """A traceback would show the lines, and with them what they hold."""
    secret = canaries.new_seed()
    try:
        int(secret)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    line = json.loads(logs.JsonFormatter().format(record))

    assert line["exception"] == "ValueError"
    assert secret not in json.dumps(line)


def test_it_refuses_to_judge_what_is_no_ingest_service(verified: Verified, tmp_path: Path) -> None:
    done = run_server("privacy", "verify", "--endpoint", verified[0].endpoints["query"], cwd=tmp_path)

    assert done.returncode == 2
    assert "is the endpoint its ingest service's" in done.stderr


def test_it_says_where_nothing_runs(tmp_path: Path) -> None:
    done = run_server("privacy", "verify", cwd=tmp_path, AGENTTRACE_SERVER_DATA_DIRECTORY=str(tmp_path))

    assert (done.returncode, done.stderr) == (
        2,
        "agenttrace-server: nothing runs here: say which deployment with --endpoint\n",
    )


def test_every_string_of_the_contract_is_a_slot() -> None:
    """Each slot changes its own place: what is put there is the only difference, and is found again."""
    run_id = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"
    put = {slot.name: slot.item_with("canary", run_id).SerializeToString() for slot in slots.all_slots()}

    assert len(set(put.values())) == len(put) == 30
    assert all(b"canary" in raw for raw in put.values())


def judge(services: Services, *, logs: list[Path] | None = None) -> Report:
    metrics = [services.ingest_metrics_url, services.query_metrics_url]
    return verification.verify(services.ingest_channel, "", Where(metrics, logs or [], services.database_url))


@pytest.fixture
def seed(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the canaries of the test's verification begin with, so that the test can play the leak."""
    known = canaries.new_seed()
    monkeypatch.setattr(canaries, "new_seed", lambda: known)
    return known


def test_a_canary_in_the_database_fails_the_verification(
    services: Services, connection: psycopg.Connection, seed: str
) -> None:
    """As text in any case, within JSON, as bytes and in an array, each in a column that nobody told it of."""
    connection.execute("CREATE TABLE spilt (at text, of jsonb, raw bytea, list text[])")
    connection.execute(
        "INSERT INTO spilt VALUES (%s, jsonb_build_object('k', %s::text), %s, ARRAY[%s])",
        (f"a {seed.upper()}1 b", f"{seed}2", f"{seed}3".encode(), f"{seed}4"),
    )

    report = judge(services)

    database = next(place for place in report.places if place.name == "database")
    assert not report.holds
    assert len(database.found) == 4
    assert {at for _, at in database.found} == {"public.spilt"}


def test_a_canary_in_a_log_fails_the_verification(services: Services, seed: str, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(f"{seed}0 was there before\n")
    waiting = threading.Timer(0.3, lambda: log.write_text(f"{log.read_text()}oops {seed}7\n"))
    waiting.start()

    report = judge(services, logs=[log])
    waiting.join()

    logs = next(place for place in report.places if place.name == "logs")
    assert [at for _, at in logs.found] == ["server.log"]
    assert not report.holds


def test_a_slot_that_leaks_fails_the_verification(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole in the server: whatever is no token passes as one."""
    monkeypatch.setattr(limits, "TOKEN", re.compile(r"[^\0]{1,128}", re.DOTALL))

    report = judge(services)

    passed = {row.canary: row.passed for row in report.rows if row.is_claimed}
    database = next(place for place in report.places if place.name == "database")
    assert not report.holds
    assert "steps.tool.name (stream)" in passed["a sentence"]
    assert ("a prompt in steps.model.request_model", "public.agent_steps") in {
        (what, table.partition("_2")[0]) for what, table in database.found
    }


def test_a_scanner_that_is_missing_fails_the_verification(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agenttrace_server.scanning.is_sensitive", lambda _: False)

    passed = {row.canary for row in judge(services).rows if row.is_claimed and row.passed}

    assert passed == {canary.name for canary in canaries.SECRETS}


def test_a_deployment_that_refuses_everything_is_not_taken_for_safe(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "AGENT", "as if nothing passed")

    with pytest.raises(StartupError, match="refuses a harmless step as INVALID_TOKEN"):
        judge(services)
