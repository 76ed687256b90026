"""`agenttrace-server health`: the exit code says whether a service is ready; for containers and supervisors."""

from __future__ import annotations

import argparse
import http.client
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agenttrace.v1 import ingest_service_pb2, query_service_pb2
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError
from agenttrace_server.listening import LOCAL_SCHEMES, split

_NAMES = {
    "ingest": ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name,
    "query": query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name,
}
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not we


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("service", choices=[*_NAMES, "console", "maintain"])
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="HOST:PORT (where these settings have it)")
    parser.add_argument("--alive", action="store_true", help="ask for no more than a process that answers")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="for the answer (5)")
    parser.set_defaults(command=_health)


def _health(settings: Config, options: argparse.Namespace) -> int:
    address = options.address or _own_address(settings, options.service)
    if options.service in _NAMES and not settings.tls_client_ca_file:
        state = _grpc_state(settings, address, "" if options.alive else _NAMES[options.service], options.timeout)
    else:
        state = _http_state(settings, options.service, address, options.timeout, alive=options.alive)
    print(f"{options.service} at {address}: {state}")
    return 0 if state == "SERVING" else 1


def _own_address(settings: Config, service: str) -> str:
    """Where this configuration's service answers probes, seen from its own machine."""
    if service == "maintain" or (service in _NAMES and settings.tls_client_ca_file):
        # Who asks for clients' certificates is asked by its metrics, which know the same: we have none to show.
        host, port = settings.metrics_host, int(getattr(settings, f"{service}_metrics_port"))
    else:
        address = str(getattr(settings, f"{service}_address"))
        if address.startswith(LOCAL_SCHEMES):
            return address
        host, port = split(address)
    if not port:
        raise StartupError(f"{service} listens on any free port, which nobody knows from outside: say ADDRESS")
    host = _EVERYWHERE.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _grpc_state(settings: Config, address: str, name: str, timeout_seconds: float) -> str:
    """Return the status of grpc.health.v1, or of the call where there is none."""
    with _channel(settings, address) as channel:
        # protoc writes no types for its methods.
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=name)
        try:
            response = stub.Check(request, timeout=timeout_seconds)
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def _channel(settings: Config, address: str) -> grpc.Channel:
    if not settings.tls_certificate_file:
        return grpc.insecure_channel(address)
    pem = _certificate(settings)
    # The one certificate that it must be is all that is trusted, by whatever name it is reached.
    options = [("grpc.ssl_target_name_override", _name_in(pem))]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(pem), options)


def _certificate(settings: Config) -> bytes:
    try:
        return Path(settings.tls_certificate_file).read_bytes()
    except OSError:
        raise StartupError(f"the file of {PREFIX}TLS_CERTIFICATE_FILE can not be read") from None


def _name_in(pem: bytes) -> str:
    """A name that the certificate is good for."""
    try:
        extensions = x509.load_pem_x509_certificate(pem).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        raise StartupError(f"the file of {PREFIX}TLS_CERTIFICATE_FILE holds no certificate with a name") from None
    found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return found[0].replace("*", "any") if found else ""


def _http_state(settings: Config, service: str, address: str, timeout_seconds: float, *, alive: bool) -> str:
    """Ask the console's page of health, or what /metrics says of the database."""
    console = service == "console"
    path = ("/livez" if alive else "/healthz") if console else "/metrics"
    try:
        status, text = _get(settings if console else None, address, path, timeout_seconds)
    except (OSError, http.client.HTTPException):
        return "UNAVAILABLE"
    ready = alive or service not in _NAMES or 'agenttrace_ready{dependency="database"} 1.0' in text
    return "SERVING" if status == HTTPStatus.OK and ready else "NOT_SERVING"


def _get(settings: Config | None, address: str, path: str, timeout_seconds: float) -> tuple[int, str]:
    """GET a page. `settings`: of one that speaks TLS where they say so."""
    where = urlsplit(f"//{address}")
    host, port = where.hostname or "", where.port
    if settings and settings.tls_certificate_file:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=timeout_seconds, context=_pinned(settings)
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def _pinned(settings: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=_certificate(settings).decode("ascii", "replace"))
    return context
