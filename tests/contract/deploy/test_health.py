"""`agenttrace-server health`: what containers and supervisors are told by its exit code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from agenttrace_server import cli
from agenttrace_server.server.console import console_service
from certificates import Authority
from faults.processes import wait_until
from fix_server import Services, config_for, running


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """The command's handler writes to what pytest captured of one test: the services of others must not."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("INGEST_ADDRESS", "QUERY_ADDRESS", "TLS_CERTIFICATE_FILE", "TLS_CLIENT_CA_FILE"):
        monkeypatch.delenv(f"AGENTTRACE_SERVER_{name}", raising=False)
    return monkeypatch


def test_a_service_is_asked_where_the_settings_have_it(
    services: Services, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It listens on every interface, and answers on this machine's own.
    settings.setenv("AGENTTRACE_SERVER_INGEST_ADDRESS", services.ingest_address.replace("127.0.0.1", "0.0.0.0"))

    assert cli.main(["health", "ingest"]) == 0
    assert capsys.readouterr().out == f"ingest at {services.ingest_address}: SERVING\n"


def test_a_service_that_is_another_or_none_is_not_ready(services: Services, settings: pytest.MonkeyPatch) -> None:
    assert cli.main(["health", "query", services.query_address]) == 0
    assert cli.main(["health", "query", services.ingest_address]) == 1
    assert cli.main(["health", "query", "127.0.0.1:1"]) == 1


def test_an_outage_of_the_database_is_not_ready_and_alive(
    services: Services, settings: pytest.MonkeyPatch, postgres: object
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(services.database_url)["dbname"]
    owner = psycopg.conninfo.make_conninfo(services.database_url, dbname="postgres")
    close, end = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}"), "SELECT pg_terminate_backend(pid) "
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(close.format(psycopg.sql.Identifier(str(name)), psycopg.sql.SQL("false")))
        connection.execute(end + "FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            wait_until(lambda: cli.main(["health", "ingest", services.ingest_address]) == 1, "not ready", 30)
            assert cli.main(["health", "ingest", services.ingest_address, "--alive"]) == 0
        finally:
            connection.execute(close.format(psycopg.sql.Identifier(str(name)), psycopg.sql.SQL("true")))


def test_a_service_with_tls_is_trusted_by_its_own_certificate(
    database_url: str, tmp_path: Path, settings: pytest.MonkeyPatch
) -> None:
    certificate, key = Authority(tmp_path).issue("server")
    files = {"tls_certificate_file": str(certificate), "tls_key_file": str(key)}
    other, _ = Authority(tmp_path, "another").issue("other")
    with running(config_for(database_url, **files)) as started:
        settings.setenv("AGENTTRACE_SERVER_TLS_CERTIFICATE_FILE", str(certificate))
        assert cli.main(["health", "ingest", started.ingest_address]) == 0
        settings.setenv("AGENTTRACE_SERVER_TLS_CERTIFICATE_FILE", str(other))
        assert cli.main(["health", "ingest", started.ingest_address]) == 1


def test_a_service_that_asks_for_certificates_is_asked_by_its_metrics(
    database_url: str, tmp_path: Path, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    files = {"tls_certificate_file": str(certificate), "tls_key_file": str(key)}
    with running(config_for(database_url, **files, tls_client_ca_file=str(authority.file))) as started:
        settings.setenv("AGENTTRACE_SERVER_TLS_CLIENT_CA_FILE", str(authority.file))
        port = started.ingest_metrics_url.rpartition(":")[2].removesuffix("/metrics")
        settings.setenv("AGENTTRACE_SERVER_INGEST_METRICS_PORT", port)

        assert cli.main(["health", "ingest"]) == 0
    assert cli.main(["health", "ingest"]) == 1
    assert capsys.readouterr().out.splitlines()[1] == f"ingest at 127.0.0.1:{port}: UNAVAILABLE"


def test_the_console_is_asked_by_its_page_of_health(tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    certificate, key = Authority(tmp_path).issue("server")
    files = {"tls_certificate_file": str(certificate), "tls_key_file": str(key)}
    nobody = {"console_query_endpoint": "http://127.0.0.1:1", "console_address": "127.0.0.1:0"}
    settings.setenv("AGENTTRACE_SERVER_TLS_CERTIFICATE_FILE", str(certificate))

    async def codes() -> tuple[int, int]:
        async with console_service(config_for("", **files, **nobody, console_metrics_port=0)) as console:
            ask = ["health", "console", console.address.removeprefix("https://")]
            return await asyncio.to_thread(cli.main, [*ask, "--alive"]), await asyncio.to_thread(cli.main, ask)

    # It lives, and is not ready without the query service.
    assert asyncio.run(codes()) == (0, 1)


def test_any_free_port_is_nobodys_to_guess(settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    settings.setenv("AGENTTRACE_SERVER_INGEST_ADDRESS", "127.0.0.1:0")

    assert cli.main(["health", "ingest"]) == 2
    assert "say ADDRESS" in capsys.readouterr().err
