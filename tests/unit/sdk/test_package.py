from __future__ import annotations

import subprocess
import sys

import pytest

import agenttrace
from agenttrace.channel import is_loopback


def modules_after(code):
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_stubs_does_not_load_the_sdk():
    loaded = {name for name in modules_after("import agenttrace.v1.run_pb2") if name.startswith("agenttrace")}

    assert loaded == {"agenttrace", "agenttrace.v1", "agenttrace.v1.run_pb2", "agenttrace.v1.failure_pb2"}


def test_the_sdk_needs_nothing_but_grpc_and_protobuf():
    outside = {"rich", "psycopg", "prometheus_client", "googleapis_common_protos", "google.rpc"}

    assert not outside & modules_after("import agenttrace; agenttrace.Tracer; agenttrace.QueryClient")


def test_an_agent_that_records_loads_nothing_that_shows():
    loaded = modules_after("import agenttrace; agenttrace.Tracer; agenttrace.current_run; agenttrace.wrap")

    assert not [name for name in loaded if name.startswith(("agenttrace.showing", "agenttrace.cli"))]


@pytest.mark.parametrize("name", agenttrace.__all__)
def test_every_public_name_is_there(name):
    assert getattr(agenttrace, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="agenttrace"):
        agenttrace.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:50051", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("unix:/tmp/x", True),
        ("ingest:50051", False),
        ("localhost.evil.example:1", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_plaintext_unasked(address, loopback):
    assert is_loopback(address) is loopback


def test_new_ids_are_uuids_of_version_7_in_the_order_of_time():
    import time
    import uuid

    from agenttrace.ids import new_id, uuid_text

    first = uuid.UUID(uuid_text(new_id()))
    time.sleep(0.002)
    second = uuid.UUID(uuid_text(new_id()))

    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first < second
    assert abs((first.int >> 80) / 1000 - time.time()) < 5
