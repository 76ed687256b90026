"""The server's certificate: read from files, and again when they change."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc

from agenttrace_server import x509
from agenttrace_server.background import end_task
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError
from agenttrace_server.metrics import Metrics

_INTERVAL_SECONDS = 1.0
_DAY_SECONDS = 86_400
_WARN_DAYS = 14
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_log = logging.getLogger(__name__)

# Of each file: when it was written, how long it is, and which it is.
_Signature = tuple[tuple[int, int, int] | None, ...]


class Files(NamedTuple):
    """Where certificate, key and the certificates of the clients' authorities are; the last may be empty."""

    certificate: str
    key: str
    client_ca: str

    def signature(self) -> _Signature:
        """Return what changes when a file does."""
        return tuple(map(_signature, filter(None, self)))


class Unusable(Exception):
    """The files do not hold what TLS needs. The text is for people, and quotes nothing of them."""


class _Material(NamedTuple):
    configuration: grpc.ServerCertificateConfiguration
    expire_seconds: int  # since 1970, of the certificate that expires first


class Certificates:
    """What TLS stands on: the last files that were whole."""

    def __init__(self, files: Files, metrics: Metrics) -> None:
        self._files = files
        self._expiry = metrics.tls_certificate_expiry
        self._seen = files.signature()
        try:
            self._material = _load(files)
        except Unusable as error:
            raise StartupError(f"TLS can not be served: {error}") from None
        # What gRPC has not been given yet. It asks at every handshake; None: nothing has changed.
        self._fresh: grpc.ServerCertificateConfiguration | None = None
        self._expiry.set(self._material.expire_seconds)
        self._warned_on = 0
        self._contexts: list[ssl.SSLContext] = []
        # They follow the files while `watching`. Kept: gRPC's core holds no reference of its own.
        self.credentials = grpc.dynamic_ssl_server_credentials(
            self._material.configuration,
            self._take_fresh,  # type: ignore[arg-type]  # its types leave out the None that it documents
            require_client_authentication=bool(files.client_ca),
        )

    def follow(self, context: ssl.SSLContext) -> None:
        """Let the handshakes of a context, which has the files, have them as they change while `watching`."""
        self._contexts.append(context)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at the files once a second for as long as the block runs."""
        self._warn_of_expiry()
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await end_task(task)

    def _take_fresh(self) -> grpc.ServerCertificateConfiguration | None:
        # Called by gRPC's threads: it reads no file, for a handshake must not wait for a disk.
        fresh, self._fresh = self._fresh, None
        return fresh

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            self._look()
            self._warn_of_expiry()

    def _look(self) -> None:
        """Take new files, if they are whole; say once of each change what became of it."""
        signature = self._files.signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            material = _load(self._files)
            for context in self._contexts:
                _fill(context, self._files)
        except Unusable as error:
            _log.warning("tls_files_unusable", extra={"cause": str(error)})
            return
        self._material = material
        self._fresh = material.configuration
        self._expiry.set(self._material.expire_seconds)
        self._warned_on = 0
        _log.info("tls_files_reloaded")

    def _warn_of_expiry(self) -> None:
        """Warn once a day from two weeks before the end."""
        today = int(time.time()) // _DAY_SECONDS
        days = self._material.expire_seconds // _DAY_SECONDS - today
        if days < _WARN_DAYS and self._warned_on != today:
            self._warned_on = today
            _log.warning("tls_certificate_expires", extra={"days": days})


def certificates(config: Config, metrics: Metrics) -> Certificates | None:
    """Return what TLS stands on, None where none is asked for; raise StartupError where the settings are half."""
    files = Files(config.tls_certificate_file, config.tls_key_file, config.tls_client_ca_file)
    if not any(files):
        return None
    if not (files.certificate and files.key):
        raise StartupError(f"TLS needs both: set {PREFIX}TLS_CERTIFICATE_FILE and {PREFIX}TLS_KEY_FILE")
    return Certificates(files, metrics)


def _load(files: Files) -> _Material:
    """Read the files, or raise Unusable: gRPC itself would take them and fail every handshake."""
    before = files.signature()
    with _unusable():
        certificate, key = Path(files.certificate).read_bytes(), Path(files.key).read_bytes()
        client_ca = Path(files.client_ca).read_bytes() if files.client_ca else None
        _check(files)
        expire_seconds = min(map(_expiry, _CERTIFICATE.findall(certificate)))
    if files.signature() != before:
        raise Unusable("a file changes while it is read")
    configuration = grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)
    return _Material(configuration, expire_seconds)


@contextmanager
def _unusable() -> Iterator[None]:
    """Raise Unusable for what goes wrong with the files."""
    try:
        yield
    except ssl.SSLError:
        raise Unusable("a file is no PEM, or the key is not the certificate's") from None
    except (OSError, ValueError):
        raise Unusable("a file can not be read") from None


def _check(files: Files) -> None:
    """Let OpenSSL judge: are they PEM, and do certificate and key belong together?"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _fill(context, files)
    if files.client_ca:
        context.load_verify_locations(files.client_ca)


def _fill(context: ssl.SSLContext, files: Files) -> None:
    with _unusable():
        # A password, so that a key that needs one is refused; without it OpenSSL asks at the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")


def _expiry(certificate: bytes) -> int:
    return x509.not_after(ssl.PEM_cert_to_DER_cert(certificate.decode("ascii")))


def _signature(file: str) -> tuple[int, int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
