from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

import agenttrace
from agenttrace.channel import target
from agenttrace.v1 import query_service_pb2_grpc, run_pb2
from unit.sdk.recording_server import ScriptedQuery


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that only itself leads to, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_endpoint(certificate):
    servicer = ScriptedQuery()
    servicer.runs = [run_pb2.RunSummary(step_count=7)]
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicer, server)
    pair = ((certificate / "key.pem").read_bytes(), (certificate / "cert.pem").read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    yield f"https://localhost:{port}"
    server.stop(None).wait()


def test_a_server_is_trusted_by_the_certificates_that_are_told(tls_endpoint, certificate):
    with agenttrace.QueryClient(tls_endpoint, "", root_certificates=certificate / "cert.pem") as client:
        assert [run.step_count for run in client.runs()] == [7]


def test_certificates_are_told_by_the_environment_as_well(tls_endpoint, certificate, monkeypatch):
    monkeypatch.setenv("AGENTTRACE_ROOT_CERTIFICATES", str(certificate / "cert.pem"))

    with agenttrace.QueryClient(tls_endpoint, "") as client:
        assert [run.step_count for run in client.runs()] == [7]


def test_a_server_that_nothing_leads_to_is_not_spoken_to(tls_endpoint):
    with agenttrace.QueryClient(tls_endpoint, "") as client, pytest.raises(agenttrace.UnavailableError):
        list(client.runs())


def test_certificates_that_cannot_be_read_are_told_without_their_place(tmp_path):
    with pytest.raises(agenttrace.InvalidValueError) as refused:
        agenttrace.QueryClient("https://localhost:1", root_certificates=tmp_path / "none.pem")

    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "address", "encrypted"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", False),
        ("https://127.0.0.1:1", "127.0.0.1:1", True),
        ("query:1", "query:1", True),
        ("http://query:1", "query:1", False),
    ],
)
def test_the_scheme_says_whether_it_is_encrypted_and_loopback_is_not_unless_asked(endpoint, address, encrypted):
    found, credentials = target(endpoint)

    assert (found, credentials is not None) == (address, encrypted)
