"""`agenttrace-server up`, as its user starts and stops it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
import psycopg
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from agenttrace.v1 import ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc
from fix_postgres import PostgresServer
from fix_product import FREE_PORTS, Product, run_server, up
from items import batch, ended, new_id, step

SERVICES = {"ingest": "agenttrace.v1.IngestService", "query": "agenttrace.v1.QueryService"}


def test_the_endpoints_are_those_of_the_running_services(product: Product) -> None:
    run_id = new_id()
    with (
        grpc.insecure_channel(product.endpoints["ingest"]) as ingest,
        grpc.insecure_channel(product.endpoints["query"]) as query,
    ):
        stored = ingest_service_pb2_grpc.IngestServiceStub(ingest).RecordBatch(
            batch(runs=[ended(run_id)], steps=[step(run_id)])
        )
        seen = query_service_pb2_grpc.QueryServiceStub(query).GetRun(query_service_pb2.GetRunRequest(run_id=run_id))
    with psycopg.connect(product.endpoints["database_url"]) as connection:
        row = connection.execute("SELECT step_count FROM agent_runs WHERE run_id = %s", (run_id,)).fetchone()

    assert (stored.counts.steps.accepted, seen.run.step_count, row) == (1, 1, (1,))


def test_the_endpoints_file_is_for_its_owner_alone(product: Product) -> None:
    """It holds the database's password."""
    assert stat.S_IMODE(product.endpoints_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["ingest", "query", "maintain"])
def test_every_process_has_its_metrics(product: Product, name: str) -> None:
    with urllib.request.urlopen(product.endpoints["metrics"][name]) as answer:
        text = answer.read().decode()

    assert "agenttrace_build_info{" in text
    assert "agenttrace_db_pool_connections{" in text


@pytest.mark.parametrize("name", SERVICES)
def test_health_is_answered_for_the_process_and_the_service(product: Product, name: str) -> None:
    with grpc.insecure_channel(product.endpoints[name]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        checked = [stub.Check(health_pb2.HealthCheckRequest(service=s)).status for s in ("", SERVICES[name])]
        watched = next(iter(stub.Watch(health_pb2.HealthCheckRequest(service=SERVICES[name])))).status
        with pytest.raises(grpc.RpcError) as unknown:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"))

    serving = health_pb2.HealthCheckResponse.SERVING
    assert (checked, watched) == ([serving, serving], serving)
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", SERVICES)
def test_reflection_shows_the_service_and_its_contract(product: Product, name: str) -> None:
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICES[name]),
    ]
    with grpc.insecure_channel(product.endpoints[name]) as channel:
        listed, found = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(requests))

    assert SERVICES[name] in [service.name for service in listed.list_services_response.service]
    files = [FileDescriptorProto.FromString(raw) for raw in found.file_descriptor_response.file_descriptor_proto]
    assert f"agenttrace/v1/{name}_service.proto" in [file.name for file in files]


def test_sigterm_ends_it_with_everything_it_started(tmp_path: Path) -> None:
    with up(tmp_path) as product:
        children = children_of(product.process.pid)
        data = [Path(f"/proc/{pid}/cwd").resolve() for pid in children]

        product.process.send_signal(signal.SIGTERM)

        assert product.process.wait(timeout=30) == 0
    assert len(children) == len(data) == 5
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert not product.endpoints_file.exists()


def test_killing_it_ends_everything_it_started(tmp_path: Path) -> None:
    with up(tmp_path) as product:
        children = children_of(product.process.pid)
        product.process.kill()

        deadline = time.monotonic() + 20
        while (left := [pid for pid in children if running(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)

    assert left == []


def children_of(pid: int) -> list[int]:
    """The processes that a process has started: three services and a PostgreSQL."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a start that was refused."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert (done.returncode, len(lines), done.stdout) == (2, 1, ""), done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/telemetry", "no connection to database telemetry on 127.0.0.1:1: check"),
        ("hunter2", "must look like postgresql://user:password@host:5432/name"),
    ],
)
def test_a_wrong_url_is_one_line_without_the_password(tmp_path: Path, url: str, says: str) -> None:
    line = refused(run_server("up", cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=url))

    assert says in line
    assert "hunter2" not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [("INGEST_ADDRESS",), ("QUERY_METRICS_PORT",), ("INGEST_ADDRESS", "CONSOLE_ADDRESS", "MAINTAIN_METRICS_PORT")],
    ids=" and ".join,
)
def test_occupied_ports_are_all_named_before_anything_is_changed(tmp_path: Path, settings: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        ports = {f"AGENTTRACE_SERVER_{setting}": stack.enter_context(occupied_port()) for setting in settings}
        told = {name: str(port) if name.endswith("PORT") else f"127.0.0.1:{port}" for name, port in ports.items()}

        line = refused(run_server("up", cwd=tmp_path, **{**FREE_PORTS, **told}))

    named = ", ".join(f"127.0.0.1:{port} ({name})" for name, port in ports.items())
    assert f"can not listen on {named}: stop what does" in line
    assert list(tmp_path.iterdir()) == []


@contextmanager
def occupied_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        yield occupant.getsockname()[1]


@pytest.mark.parametrize(("level", "shown"), [(None, {"NOT_FOUND"}), ("INFO", {"OK", "NOT_FOUND"})])
def test_on_a_terminal_only_calls_that_failed_are_shown_unless_a_level_is_set(
    tmp_path: Path, level: str | None, shown: set[str]
) -> None:
    screen, terminal = pty.openpty()
    settings = {"AGENTTRACE_SERVER_LOG_LEVEL": level} if level else {}
    with (
        up(tmp_path, output=terminal, **settings) as product,
        grpc.insecure_channel(product.endpoints["query"]) as query,
    ):
        reader = query_service_pb2_grpc.QueryServiceStub(query)
        list(reader.ListRuns(query_service_pb2.ListRunsRequest()))
        with pytest.raises(grpc.RpcError):
            reader.GetRun(query_service_pb2.GetRunRequest(run_id=new_id()))
    os.close(terminal)
    lines = all_of(screen).decode().splitlines()

    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert "AgentTrace is running." in lines
    assert {line["code"] for line in logged if line["event"] == "rpc"} == shown
    assert ("serving" in {line["event"] for line in logged}) == (level == "INFO")


def all_of(screen: int) -> bytes:
    """What was written to a terminal that nobody has open any more."""
    written = b""
    with open(screen, "rb", buffering=0) as file, suppress(OSError):  # Linux ends it with EIO
        while chunk := file.read(2**16):
            written += chunk
    return written


def test_a_log_level_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    line = refused(run_server("up", cwd=tmp_path, AGENTTRACE_SERVER_LOG_LEVEL="loud"))

    assert "AGENTTRACE_SERVER_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR" in line


def test_an_unknown_setting_is_one_line_with_the_nearest_name(tmp_path: Path) -> None:
    line = refused(run_server("up", cwd=tmp_path, AGENTTRACE_SERVER_RETENTION_DAY="3"))

    assert "there is no setting AGENTTRACE_SERVER_RETENTION_DAY, did you mean AGENTTRACE_SERVER_RETENTION_DAYS?" in line


NEWER = "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'x', 'x')"
OLDER = "DELETE FROM schema_migrations WHERE version > 2"


@pytest.mark.parametrize(
    ("command", "statement", "says"),
    [
        (("up", "--ephemeral"), NEWER, "install a newer"),
        (("up", "--ephemeral"), OLDER, "run `agenttrace-server migrate`"),
        (("serve", "query"), OLDER, "run `agenttrace-server migrate`"),
    ],
    ids=["up newer", "up older", "serve older"],
)
def test_another_schema_is_refused_and_left_alone(
    tmp_path: Path,
    database_url: str,
    connection: psycopg.Connection,
    command: tuple[str, ...],
    statement: str,
    says: str,
) -> None:
    connection.execute(statement)  # type: ignore[arg-type]
    before = connection.execute("SELECT * FROM schema_migrations").fetchall()

    line = refused(run_server(*command, cwd=tmp_path, AGENTTRACE_SERVER_DATABASE_URL=database_url))

    assert says in line
    assert connection.execute("SELECT * FROM schema_migrations").fetchall() == before


def test_a_damaged_data_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "thesis.tex").write_text("my only copy")

    line = refused(
        run_server(
            "up",
            cwd=tmp_path,
            AGENTTRACE_SERVER_DATA_DIRECTORY=str(folder),
            **FREE_PORTS,
        )
    )

    assert str(folder) in line
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_a_database_of_ones_own_is_used_and_an_empty_one_migrated(
    tmp_path: Path, postgres: PostgresServer, empty_database_url: str
) -> None:
    with up(tmp_path, AGENTTRACE_SERVER_DATABASE_URL=empty_database_url) as product:
        assert product.endpoints["database_url"] == empty_database_url
        assert not (tmp_path / ".agenttrace").exists()
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM schema_migrations").fetchone() == (True,)
