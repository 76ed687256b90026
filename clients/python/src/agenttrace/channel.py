"""Channels to the services: the one way in which the exporter and the readers connect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

import agenttrace
from agenttrace.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

Option = tuple[str, int | str]

_OPTIONS: tuple[Option, ...] = (
    # gRPC's own retry silently replays small streams and silently does nothing for large ones.
    ("grpc.enable_retries", 0),
    # Reconnect within seconds after an outage; the default is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A channel made after a fork must not share connections with one made before.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", f"agenttrace-python/{agenttrace.__version__}"),
)

READER_OPTIONS: tuple[Option, ...] = (
    # A watch only receives: without pings a connection that is silently gone would never be noticed.
    # Longer than the 15 s between checkpoints, so that a watch that lives sends none.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    # A reader sends nothing else: without this gRPC's own measuring of the line uses up the pings.
    ("grpc.http2.max_pings_without_data", 0),
)


def open_channel(
    endpoint: str, root_certificates: str | os.PathLike[str] | None = None, options: Sequence[Option] = ()
) -> grpc.Channel:
    """Open a channel to `host:port`, with or without a scheme.

    `https://` means TLS and `http://` plaintext; without a scheme loopback is plaintext and all else TLS.
    Where the server asks for one, the client's certificate is in the PEM files that AGENTTRACE_CLIENT_CERTIFICATE
    and AGENTTRACE_CLIENT_KEY name.

    Args:
        endpoint: The service.
        root_certificates: A PEM file with the certificates that a server's must lead to;
            AGENTTRACE_ROOT_CERTIFICATES, else those that gRPC brings.
        options: Channel arguments of gRPC beside those of this package, which they override.

    Raises:
        InvalidValueError: A file of certificates cannot be read.
    """
    address, credentials = target(endpoint, root_certificates)
    every_option = _merged(options)
    if credentials is None:
        return grpc.insecure_channel(address, options=every_option)
    return grpc.secure_channel(address, credentials, options=every_option)


def open_async_channel(
    endpoint: str, root_certificates: str | os.PathLike[str] | None = None, options: Sequence[Option] = ()
) -> grpc.aio.Channel:
    """Open a channel of the running event loop; otherwise as `open_channel`."""
    address, credentials = target(endpoint, root_certificates)
    every_option = _merged(options)
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=every_option)
    return grpc.aio.secure_channel(address, credentials, options=every_option)


def target(
    endpoint: str, root_certificates: str | os.PathLike[str] | None = None
) -> tuple[str, grpc.ChannelCredentials | None]:
    """Return an endpoint's address, and what TLS to it stands on; None for plaintext."""
    scheme, _, address = endpoint.rpartition("://")
    if scheme == "http" or (not scheme and is_loopback(address)):
        return address, None
    roots = _read("root certificates", root_certificates or os.environ.get("AGENTTRACE_ROOT_CERTIFICATES"))
    certificate = _read("the client's certificate", os.environ.get("AGENTTRACE_CLIENT_CERTIFICATE"))
    key = _read("the client's key", os.environ.get("AGENTTRACE_CLIENT_KEY"))
    if bool(certificate) != bool(key):
        raise InvalidValueError("a client's certificate needs its key: AGENTTRACE_CLIENT_CERTIFICATE, _CLIENT_KEY")
    return address, grpc.ssl_channel_credentials(roots, key, certificate)


def is_loopback(address: str) -> bool:
    """Whether the address can only be this machine."""
    return address.startswith(("127.", "localhost:", "[::1]:", "unix:")) or address == "localhost"


def authorization(api_key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries the key."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()


def _merged(options: Sequence[Option]) -> tuple[Option, ...]:
    """Return our options with others in their place: of one that is told twice gRPC may take the first."""
    return tuple({**dict(_OPTIONS), **dict(options)}.items())


def _read(what: str, path: str | os.PathLike[str] | None) -> bytes | None:
    """Return what is in a file, None where none is told."""
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidValueError(f"the file of {what} cannot be read: {error.strerror}") from None
