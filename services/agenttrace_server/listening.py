"""Where a service may listen: beyond this machine only with TLS and keys, or told otherwise."""

from __future__ import annotations

import ipaddress
import socket

from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError

LOCAL_SCHEMES = ("unix:", "unix-abstract:")


def refuse_open_address(config: Config, address: str) -> None:
    """Raise StartupError where listening there would open the service to others than it should."""
    if config.insecure or is_loopback(address):
        return
    if not config.tls_certificate_file:
        raise StartupError(
            f"{address} can be reached from other machines and there is no TLS: set {PREFIX}TLS_CERTIFICATE_FILE and "
            f"{PREFIX}TLS_KEY_FILE, listen on 127.0.0.1, or say --insecure where something before us encrypts"
        )
    if not keys_required(config, address):
        raise StartupError(
            f"{address} can be reached from other machines and needs no key: set {PREFIX}AUTHENTICATION=keys, "
            "listen on 127.0.0.1, or say --insecure"
        )


def keys_required(config: Config, address: str) -> bool:
    """Whether calls to the service at an address must have a key."""
    if config.authentication == "auto":
        return not is_loopback(address)
    return config.authentication == "keys"


def is_loopback(address: str) -> bool:
    """Whether an address can be reached from this machine alone: a socket file, or only loopback addresses.

    Raises StartupError for what is no address, or a name that is not known.
    """
    if address.startswith(LOCAL_SCHEMES):
        return True
    host, _ = split(address)
    return all(map(_is_loopback, _resolved(host))) if host else False


def split(address: str) -> tuple[str, int]:
    """Return host and port; the host is empty where every interface is meant, and has no brackets."""
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isdecimal() or int(port) > 65535 or (":" in host and not bracketed):
        raise StartupError(f"{address!r} is no address: it must look like 127.0.0.1:50051, [::1]:50051 or unix:/path")
    return host.strip("[]").replace("*", ""), int(port)


def socket_of(host: str) -> socket.socket:
    """Return a TCP socket that can be bound to a host, an IPv6 address or not; nothing is bound yet."""
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


def with_port(address: str, port: int) -> str:
    """Return an address with the port that the system has chosen for it."""
    return address if address.startswith(LOCAL_SCHEMES) else f"{address.rpartition(':')[0]}:{port}"


def _resolved(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise StartupError(f"there is no host {host}: correct the address to listen on") from None
    return {str(address[0]) for *_, address in found}


def _is_loopback(host: str) -> bool:
    found = ipaddress.ip_address(host)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
