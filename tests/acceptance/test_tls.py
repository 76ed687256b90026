"""TLS and mutual TLS over the wire: for the SDK and the command line, and across changes of the files."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

import agenttrace
from agenttrace.channel import open_channel
from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace.v1 import ingest_service_pb2_grpc
from agenttrace_server import tls
from agenttrace_server.errors import StartupError
from certificates import Authority, served_at
from faults.processes import wait_until
from fix_console import serving
from fix_product import COMMAND, clean_environment, up
from fix_server import Services, config_for, running
from items import batch, ended, new_id, step, upload

Files = dict[str, str]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> Files:
    """Settings for TLS."""
    certificate, key = authority.issue("server")
    return {"tls_certificate_file": str(certificate), "tls_key_file": str(key)}


@contextmanager
def trusting(authority: Authority, client: tuple[Path, Path] | None = None) -> Iterator[dict[str, str]]:
    """Settings of a client that trusts an authority, in the environment as long as the block runs."""
    settings = {"AGENTTRACE_ROOT_CERTIFICATES": str(authority.file)}
    if client:
        settings |= {"AGENTTRACE_CLIENT_CERTIFICATE": str(client[0]), "AGENTTRACE_CLIENT_KEY": str(client[1])}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield settings


def record(services: Services) -> agenttrace.Receipt:
    """Record a run with the SDK, to its receipt."""
    tracer = agenttrace.Tracer("support", endpoint=f"https://{services.ingest_address}", api_key="")
    with tracer.run() as run, run.step("tool", "lookup"):
        pass
    return tracer.close(timeout_seconds=10)


def runs_read(services: Services) -> int:
    with agenttrace.QueryClient(f"https://{services.query_address}", "") as client:
        return len(list(client.runs()))


def doctor(services: Services, settings: Mapping[str, str], scheme: str = "https://") -> dict[str, dict[str, str]]:
    environment = clean_environment(
        AGENTTRACE_ENDPOINT=scheme + services.ingest_address,
        AGENTTRACE_QUERY_ENDPOINT=scheme + services.query_address,
        **settings,
    )
    command = [sys.executable, "-m", "agenttrace", "doctor", "--json"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return {finding["subject"]: finding for finding in json.loads(ran.stdout)}


def record_batch(address: str) -> pb.RecordBatchResponse:
    """Record over a connection of its own, with the client's settings of the environment."""
    with open_channel(f"https://{address}") as channel:
        stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
        return stub.RecordBatch(batch(runs=[ended(new_id())]), timeout=10)


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_the_sdk_records_and_reads_over_tls(database_url: str, authority: Authority, files: Files) -> None:
    with running(config_for(database_url, **files)) as services, trusting(authority) as settings:
        assert record(services).accepted > 0
        assert runs_read(services) == 1
        assert {finding["result"] for finding in doctor(services, settings).values()} == {"ok"}


def test_a_client_that_shows_its_certificate_is_served(database_url: str, authority: Authority, files: Files) -> None:
    client = authority.issue("client")
    files["tls_client_ca_file"] = str(authority.file)

    with running(config_for(database_url, **files)) as services, trusting(authority, client) as settings:
        assert record(services).accepted > 0
        assert runs_read(services) == 1
        assert {finding["result"] for finding in doctor(services, settings).values()} == {"ok"}


def test_a_client_without_a_certificate_or_with_another_authoritys_is_refused(
    database_url: str, authority: Authority, files: Files, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("other-client")
    files["tls_client_ca_file"] = str(authority.file)
    with running(config_for(database_url, **files)) as services:
        for client in (None, stranger):
            with trusting(authority, client) as settings:
                with pytest.raises(agenttrace.UnavailableError):
                    runs_read(services)
                finding = doctor(services, settings)["query"]
                assert finding["result"] == "unreachable"
                assert "AGENTTRACE_CLIENT_CERTIFICATE" in finding["text"]


def test_a_server_of_another_authority_is_not_spoken_to(
    database_url: str, authority: Authority, files: Files, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    with running(config_for(database_url, **files)) as services, trusting(other) as settings:
        with pytest.raises(agenttrace.UnavailableError):
            runs_read(services)
        assert "certificate is not trusted" in doctor(services, settings)["ingest"]["text"]


def test_a_server_whose_certificate_has_expired_is_not_spoken_to_and_says_so_itself(
    database_url: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    certificate, key = authority.issue("old", expires=expires)
    settings = {"tls_certificate_file": str(certificate), "tls_key_file": str(key)}

    with running(config_for(database_url, **settings)) as services, trusting(authority):
        with pytest.raises(agenttrace.UnavailableError):
            runs_read(services)
        told = metric(services.ingest_metrics_url, "agenttrace_tls_certificate_expiry_timestamp_seconds")

    assert told == expires.timestamp()
    assert {record.days for record in caplog.records if record.message == "tls_certificate_expires"} == {-3}


def test_plaintext_to_a_server_with_tls_is_told_in_words(database_url: str, files: Files) -> None:
    with running(config_for(database_url, **files)) as services:
        findings = doctor(services, {}, scheme="http://")

    assert findings["ingest"]["result"] == findings["query"]["result"] == "unreachable"
    assert "https://" in findings["ingest"]["text"]


def test_a_new_certificate_is_served_while_an_upload_goes_on(
    database_url: str, authority: Authority, files: Files
) -> None:
    messages: queue.SimpleQueue[pb.UploadStepsRequest | None] = queue.SimpleQueue()
    run_id = new_id()
    with running(config_for(database_url, **files)) as services, trusting(authority):
        before = served_at(services.ingest_address)
        with open_channel(f"https://{services.ingest_address}") as channel:
            call = ingest_service_pb2_grpc.IngestServiceStub(channel).UploadSteps.future(iter(messages.get, None))
            messages.put(upload(steps=[step(run_id)]))
            replace(authority, files)
            after = Path(files["tls_certificate_file"]).read_text()
            for address in (services.ingest_address, services.query_address):
                wait_until(partial(serves, address, after), "the new certificate is served")
            messages.put(upload(steps=[step(run_id)]))
            messages.put(None)
            response = call.result(timeout=10)
        assert after != before
        assert record_batch(services.ingest_address).counts.runs.accepted == 1

    assert response.acknowledged_message_count == response.counts.steps.accepted == 2


def test_the_console_serves_a_new_certificate_too(database_url: str, authority: Authority, files: Files) -> None:
    free = {"console_address": "127.0.0.1:0", "console_metrics_port": 0}
    with serving(config_for(database_url, **free, **files)) as endpoints:
        address = endpoints.address.removeprefix("https://")
        before = served_at(address)
        replace(authority, files)
        after = Path(files["tls_certificate_file"]).read_text()
        wait_until(partial(serves, address, after), "the new certificate is served")
        trust = ssl.create_default_context(cafile=authority.file)
        with urllib.request.urlopen(f"{endpoints.address}/livez", context=trust) as answer:
            status = answer.status

    assert after != before
    assert status == 200


def serves(address: str, certificate: str) -> bool:
    return served_at(address) == certificate


def replace(authority: Authority, files: Files, **options: Any) -> None:
    """Put a new certificate and key in the place of those that are served, one after the other."""
    for new, name in zip(authority.issue("new", **options), ("tls_certificate_file", "tls_key_file"), strict=True):
        shutil.move(new, files[name])


BREAKING: dict[str, Callable[[Authority, Path, Path], object]] = {
    "a key that is another's": lambda a, _, key: shutil.copy(a.issue("other")[1], key),
    "a certificate without its key": lambda a, certificate, _: shutil.copy(a.issue("other")[0], certificate),
    "half a file": lambda _, certificate, __: certificate.write_bytes(certificate.read_bytes()[:200]),
    "an empty file": lambda _, __, key: key.write_bytes(b""),
    "no file": lambda _, certificate, __: certificate.unlink(),
}


@pytest.mark.parametrize("how", BREAKING)
def test_files_that_do_not_fit_leave_the_old_certificate_and_are_told_once(
    database_url: str,
    authority: Authority,
    files: Files,
    how: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls, "_INTERVAL_SECONDS", 0.1)

    def told(event: str) -> int:
        return sum(record.message == event for record in caplog.records)

    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    with caplog.at_level("INFO"), running(config_for(database_url, **files)) as services, trusting(authority):
        before = served_at(services.ingest_address)
        BREAKING[how](authority, Path(files["tls_certificate_file"]), Path(files["tls_key_file"]))
        wait_until(lambda: told("tls_files_unusable") == 2, "both services have told it")
        time.sleep(0.3)  # they have looked again
        assert told("tls_files_unusable") == 2
        assert served_at(services.ingest_address) == before
        assert record_batch(services.ingest_address).counts.runs.accepted == 1
        caplog.clear()

        replace(authority, files, expires=expires)
        wait_until(lambda: told("tls_files_reloaded") == 2, "both services have the new files")
        assert record_batch(services.ingest_address).counts.runs.accepted == 1
        told_expiry = metric(services.query_metrics_url, "agenttrace_tls_certificate_expiry_timestamp_seconds")
        assert told_expiry == expires.timestamp()


@pytest.mark.parametrize(
    ("without", "words"),
    [("tls_certificate_file", "TLS_CERTIFICATE_FILE"), ("tls_key_file", "TLS_KEY_FILE")],
)
def test_half_of_the_settings_is_refused(database_url: str, files: Files, without: str, words: str) -> None:
    del files[without]

    with pytest.raises(StartupError, match=words), running(config_for(database_url, **files)):
        pass


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(
    database_url: str, authority: Authority, files: Files
) -> None:
    command = ["pkey", "-aes256", "-passout", "pass:secret", "-in", files["tls_key_file"], "-out"]
    locked = str(authority.file.with_name("locked.key"))
    subprocess.run(["openssl", *command, locked], check=True, capture_output=True)

    config = config_for(database_url, **files | {"tls_key_file": locked})
    with pytest.raises(StartupError, match="TLS can not be served"), running(config):
        pass


def test_it_may_be_reached_from_elsewhere_with_tls_and_then_asks_for_keys(
    database_url: str, authority: Authority, files: Files
) -> None:
    settings = {"ingest_address": "0.0.0.0:0", "query_address": "0.0.0.0:0", "key_pepper": "p" * 64}

    with running(config_for(database_url, **files, **settings)) as services, trusting(authority):
        port = services.ingest_address.rpartition(":")[2]
        with pytest.raises(grpc.RpcError) as refused:
            record_batch(f"127.0.0.1:{port}")

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_every_worker_serves_tls(tmp_path: Path, database_url: str, authority: Authority, files: Files) -> None:
    report_file = tmp_path / "report.json"
    given = {"DATABASE_URL": database_url, "INGEST_ADDRESS": "127.0.0.1:0", "INGEST_METRICS_PORT": "0"}
    environment = clean_environment(**{f"AGENTTRACE_SERVER_{k.upper()}": v for k, v in (given | files).items()})
    command = [*COMMAND, "serve", "ingest", "--workers", "2", "--report-file", str(report_file)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: report_file.exists() or process.poll() is not None, "the workers serve", 30)
        report = json.loads(report_file.read_text())
        with trusting(authority):
            for _ in range(12):  # the kernel chooses the worker
                assert record_batch(report["address"]).counts.runs.accepted == 1
            replace(authority, files)
            after = Path(files["tls_certificate_file"]).read_text()
            wait_until(lambda: all(served_at(report["address"]) == after for _ in range(12)), "both have reloaded")
        expiries = [metric(u, "agenttrace_tls_certificate_expiry_timestamp_seconds") for u in report["metrics_urls"]]
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)

    assert code == 0
    assert len(expiries) == 2
    assert len(set(expiries)) == 1
    assert expiries[0] > time.time()


def test_up_serves_tls_and_says_how_to_reach_it(tmp_path: Path, authority: Authority, files: Files) -> None:
    settings = {f"AGENTTRACE_SERVER_{name.upper()}": value for name, value in files.items()}

    with up(tmp_path, **settings) as product:
        settings = product.environment | {"AGENTTRACE_ROOT_CERTIFICATES": str(authority.file)}
        command = [sys.executable, "-m", "agenttrace", "runs"]
        ran = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)

    assert product.endpoints["query"].startswith("https://127.0.0.1:")
    assert ran.returncode == 0, ran.stderr
