"""What can be reached from other machines is not opened without TLS and keys unless that is said."""

from __future__ import annotations

import pytest

from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.listening import is_loopback, keys_required, refuse_open_address, split, with_port

LOOPBACK = [
    "127.0.0.1:50051", "127.9.9.9:0", "localhost:50051", "[::1]:50051", "[::ffff:127.0.0.1]:1", "unix:/run/at.sock",
    "unix-abstract:at",
]  # fmt: skip
OPEN = ["0.0.0.0:50051", "[::]:50051", "10.1.2.3:50051", "192.0.2.1:1", "[2001:db8::1]:50051", ":50051", "*:50051"]


@pytest.mark.parametrize("address", LOOPBACK)
def test_an_address_of_this_machine_needs_nothing(address: str) -> None:
    assert is_loopback(address)
    refuse_open_address(Config(), address)
    assert not keys_required(Config(), address)
    assert keys_required(Config(authentication="keys"), address)


@pytest.mark.parametrize("address", OPEN)
def test_an_open_address_without_tls_is_refused_with_what_to_do(address: str) -> None:
    assert not is_loopback(address)
    with pytest.raises(StartupError, match=r"TLS_CERTIFICATE_FILE.*--insecure"):
        refuse_open_address(Config(authentication="keys"), address)
    refuse_open_address(Config(insecure=True), address)


@pytest.mark.parametrize("address", OPEN)
def test_insecure_alone_takes_no_key_away(address: str) -> None:
    assert keys_required(Config(insecure=True), address)
    assert not keys_required(Config(insecure=True, authentication="none"), address)


@pytest.mark.parametrize(
    "address", ["", "50051", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "::1:50051", "[::1]"]
)
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    with pytest.raises(StartupError, match=r"must look like 127\.0\.0\.1:50051"):
        is_loopback(address)


def test_a_host_that_nobody_knows_is_refused_rather_than_taken_for_local() -> None:
    with pytest.raises(StartupError, match="there is no host"):
        is_loopback("nobody.invalid:50051")


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("127.0.0.1:1", "127.0.0.1", 1), ("[::1]:2", "::1", 2), ("*:3", "", 3), (":4", "", 4), ("host:5", "host", 5)],
)
def test_addresses_are_split_as_sockets_take_them(address: str, host: str, port: int) -> None:
    assert split(address) == (host, port)


@pytest.mark.parametrize(
    ("address", "real"),
    [("127.0.0.1:0", "127.0.0.1:7"), ("[::1]:0", "[::1]:7"), ("unix:/run/at.sock", "unix:/run/at.sock")],
)
def test_an_address_is_reported_with_its_real_port(address: str, real: str) -> None:
    assert with_port(address, 7) == real
