"""`agenttrace-server erase` as its operator uses it, beside running services."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from agenttrace.v1 import ingest_service_pb2 as ingest_pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace.v1 import query_service_pb2 as pb
from fix_erasures import SESSION, whole_run
from fix_product import COMMAND, FREE_PORTS, clean_environment, run_server, up
from fix_server import Services, config_for, running
from fix_store import ERASURE_KEY, counts
from items import batch, ended, new_id, step

ERASED = ingest_pb.REJECTION_REASON_ERASED


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    """Services that know the erasure key."""
    with running(config_for(database_url, erasure_key=ERASURE_KEY)) as started:
        yield started


def settings(database_url: str) -> dict[str, str]:
    return {"AGENTTRACE_SERVER_DATABASE_URL": database_url, "AGENTTRACE_SERVER_ERASURE_KEY": ERASURE_KEY}


def send(services: Services, message: Any, **fields: Any) -> ingest_pb.RecordBatchResponse:
    return services.ingest.RecordBatch(  # type: ignore[no-any-return]
        batch(runs=message.runs, steps=message.steps, failures=message.failures, **fields)
    )


def erase(folder: Path, database_url: str, *arguments: str) -> dict[str, Any]:
    done = run_server("erase", *arguments, "--yes", "--json", cwd=folder, **settings(database_url))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_what_is_erased_is_refused_from_then_on_and_says_so(
    services: Services, database_url: str, tmp_path: Path
) -> None:
    erased, other = whole_run(new_id(), session_id=SESSION), whole_run(new_id())
    send(services, erased)

    first = erase(tmp_path, database_url, "--session", SESSION)
    second = erase(tmp_path, database_url, "--session", SESSION)
    erased.MergeFrom(other)
    answer = send(services, erased, resend=True)

    assert (first["run_count"], first["step_count"], first["failure_count"]) == (1, 2, 1)
    assert (second["run_count"], second["step_count"], second["failure_count"]) == (0, 0, 0)
    assert (first["kind"], first["project"]) == ("session", "default")
    assert [counted.accepted for counted in (answer.counts.runs, answer.counts.steps, answer.counts.failures)] == [
        1,
        2,
        1,
    ]
    assert {(r.kind, r.item_index, r.reason) for r in answer.rejections} == {
        (ingest_pb.ITEM_KIND_RUN, 0, ERASED),
        (ingest_pb.ITEM_KIND_STEP, 0, ERASED),
        (ingest_pb.ITEM_KIND_STEP, 1, ERASED),
        (ingest_pb.ITEM_KIND_FAILURE, 0, ERASED),
    }


def test_readers_see_nothing_of_it_any_more(services: Services, database_url: str, tmp_path: Path) -> None:
    """Neither in listings nor by id, nor a watch that goes on from before."""
    erased_id, kept_id = new_id(), new_id()
    watch = services.query.WatchRuns(pb.WatchRunsRequest())
    begun = next(watch).resume_token
    watch.cancel()
    send(services, whole_run(erased_id, session_id=SESSION))
    send(services, whole_run(kept_id))

    erase(tmp_path, database_url, "--run", erased_id)

    resumed = services.query.WatchRuns(pb.WatchRunsRequest(resume_token=begun), timeout=30)
    told = set()
    while kept_id not in told:
        told |= {summary.run.run_id for summary in next(resumed).runs}
    resumed.cancel()
    listed = [s.run.run_id for chunk in services.query.ListRuns(pb.ListRunsRequest()) for s in chunk.runs]
    assert told == {kept_id} == set(listed)


def test_the_receipt_and_the_audit_do_not_tell_whom_it_was_about(
    services: Services, database_url: str, tmp_path: Path
) -> None:
    send(services, whole_run(new_id(), session_id=SESSION))

    done = run_server("erase", "--session", SESSION, "--yes", cwd=tmp_path, **settings(database_url))
    audit = run_server("audit", cwd=tmp_path, **settings(database_url))

    assert done.returncode == audit.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:4]] == [
        ["runs", "1"],
        ["steps", "2"],
        ["failures", "1"],
    ]
    assert "erase.session" in audit.stdout
    assert SESSION not in done.stdout + done.stderr + audit.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--run", "not-a-uuid", "--yes"), "a run's id is a UUID"),
        (("--user-key", "jane@example.com", "--yes"), "64 hex digits"),
        (("--session", "with a space", "--yes"), "is a token"),
        (("--session", SESSION), "add --yes"),
        (("--session", SESSION, "--project", "nowhere", "--yes"), "there is no project nowhere"),
    ],
)
def test_what_can_not_be_erased_is_said_without_repeating_it(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "erase", *arguments],
        cwd=tmp_path, env=clean_environment(**settings(database_url)), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert arguments[1] not in done.stderr


def test_a_person_is_asked_and_may_say_no(
    services: Services, database_url: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    send(services, whole_run(new_id(), session_id=SESSION))

    def answering(answer: bytes) -> int:
        ours, theirs = pty.openpty()
        command = [*COMMAND, "erase", "--session", SESSION]
        environment = clean_environment(**settings(database_url))
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=theirs, stdout=subprocess.DEVNULL) as asked:
            os.write(ours, answer)
            code = asked.wait(60)
        os.close(ours)
        os.close(theirs)
        return code

    assert (answering(b"n\n"), counts(connection)) == (2, (1, 2, 1))
    assert (answering(b"y\n"), counts(connection)) == (0, (0, 0, 0))


def test_an_id_is_read_from_stdin_so_that_no_process_list_shows_it(
    services: Services, database_url: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    send(services, whole_run(new_id(), session_id=SESSION))

    done = subprocess.run(
        [*COMMAND, "erase", "--session", "-", "--yes"],
        cwd=tmp_path, env=clean_environment(**settings(database_url)), input=f"{SESSION}\n",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, counts(connection)) == (0, (0, 0, 0)), done.stderr


def test_without_the_key_of_the_services_nothing_is_erased(database_url: str, tmp_path: Path) -> None:
    done = run_server("erase", "--session", SESSION, "--yes", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=database_url)

    assert (done.returncode, done.stdout) == (2, "")
    assert "AGENTTRACE_SERVER_ERASURE_KEY" in done.stderr


def test_up_keeps_a_key_so_that_erase_works_beside_it_with_nothing_set(tmp_path: Path) -> None:
    message = batch(runs=[ended(new_id(), session_id=SESSION)])

    with up(tmp_path, ephemeral=False, **FREE_PORTS) as product:
        with grpc.insecure_channel(product.endpoints["ingest"]) as channel:
            stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
            stub.RecordBatch(message)
            done = run_server("erase", "--session", SESSION, "--yes", "--json", cwd=tmp_path)
            again = stub.RecordBatch(message)
        log = (tmp_path / "up.log").read_text()

    assert json.loads(done.stdout)["run_count"] == 1, done.stderr
    assert [rejection.reason for rejection in again.rejections] == [ERASED]
    assert SESSION not in log
    assert message.runs[0].run_id not in log


def test_late_steps_of_an_erased_run_are_refused_over_a_stream(
    services: Services, database_url: str, tmp_path: Path
) -> None:
    run_id = new_id()
    send(services, batch(runs=[ended(run_id, session_id=SESSION)]))
    erase(tmp_path, database_url, "--session", SESSION)
    messages = [ingest_pb.UploadStepsRequest(steps=[step(run_id), step(new_id())]) for _ in range(3)]

    answer = services.ingest.UploadSteps(iter(messages))

    assert answer.acknowledged_message_count == 3
    assert (answer.counts.steps.accepted, answer.counts.steps.rejected) == (3, 3)
    assert [(r.message_index, r.reason) for r in answer.rejections] == [(n, ERASED) for n in range(3)]
