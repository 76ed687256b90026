"""The gRPC server around a service: who is let in, what every call passes through, where it listens, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from agenttrace_server import tls
from agenttrace_server.api_keys import Peppers
from agenttrace_server.authenticator import Authenticator
from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError
from agenttrace_server.grpc_options import options_of
from agenttrace_server.health import Health
from agenttrace_server.interceptors.access_log import AccessLog
from agenttrace_server.interceptors.authentication import Authentication
from agenttrace_server.interceptors.error_status import ErrorStatus
from agenttrace_server.interceptors.handlers import kind
from agenttrace_server.interceptors.open_streams import OpenStreams
from agenttrace_server.interceptors.rpc_metrics import RpcMetrics
from agenttrace_server.interceptors.safe_requests import SafeRequests
from agenttrace_server.listening import keys_required, with_port
from agenttrace_server.metrics import Metrics
from agenttrace_server.server.endpoints import Endpoints, serve_metrics
from agenttrace_server.store.keys import KeyStore
from agenttrace_server.store.pool import Database


@dataclass(frozen=True, slots=True)
class Service:
    """What calls go to.

    Attributes:
        name: What its settings begin with, such as "ingest".
        descriptor: Its part of the contract.
        add: Adds its servicer to a server.
        safe_requests: How its servicer takes requests.
        end_streams: Asks its open streams to end with their answers.
    """

    name: str
    descriptor: ServiceDescriptor
    add: Callable[[grpc.aio.Server], None]
    safe_requests: SafeRequests
    end_streams: Callable[[], None]


async def serve_calls(
    stack: AsyncExitStack, config: Config, own: Metrics, database: Database, service: Service
) -> Endpoints:
    """Serve calls and metrics until the stack ends, which drains the service first; return where."""
    asked: str = getattr(config, f"{service.name}_address")
    health = Health(database, own, service.descriptor.full_name)
    server = _server(config, own, health, _authentication(config, asked, database, own), service)
    metrics_url = serve_metrics(stack, own, config.metrics_host, getattr(config, f"{service.name}_metrics_port"))
    address = await _listen(stack, server, config, own, asked, service.name)
    await stack.enter_async_context(health.watching())
    stack.push_async_callback(_drain, health, service.end_streams, server, config.drain_seconds)
    return Endpoints(address, metrics_url)


def _authentication(config: Config, address: str, database: Database, own: Metrics) -> Authentication:
    """What lets calls in at an address."""
    key_required = keys_required(config, address)
    if key_required and not config.key_pepper:
        raise StartupError(f"{address} needs keys: set {PREFIX}KEY_PEPPER, the same for all (`openssl rand -hex 32`)")
    peppers = Peppers(config.key_pepper, config.key_pepper_previous)
    return Authentication(Authenticator(KeyStore(database).find, peppers, own, key_required=key_required))


def _server(
    config: Config, own: Metrics, health: Health, authentication: Authentication, service: Service
) -> grpc.aio.Server:
    """A server with everything around the service; interceptors from the outermost on."""
    server = grpc.aio.server(
        interceptors=[
            AccessLog(),
            RpcMetrics(own.calls),
            ErrorStatus(),
            authentication,
            OpenStreams(config.rate_limit_streams, own),
            service.safe_requests,
        ],
        options=options_of(config),
    )
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    service.add(server)
    full_name = service.descriptor.full_name
    for method in service.descriptor.methods:
        own.calls.expect(kind(method.client_streaming, method.server_streaming), full_name, method.name)
    if config.reflection:
        names = (full_name, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    return server


async def _listen(
    stack: AsyncExitStack, server: grpc.aio.Server, config: Config, own: Metrics, address: str, name: str
) -> str:
    """Start the server; return its address with the real port."""
    certificates = tls.certificates(config, own)
    try:
        if certificates:
            port = server.add_secure_port(address, certificates.credentials)
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        raise StartupError(
            f"can not listen on {address}: stop what does, or set {PREFIX}{name.upper()}_ADDRESS"
        ) from None
    if certificates:
        await stack.enter_async_context(certificates.watching())
    stack.push_async_callback(server.stop, None)
    await server.start()
    return with_port(address, port)


async def _drain(health: Health, end_streams: Callable[[], None], server: grpc.aio.Server, grace: float) -> None:
    """Say so, let open calls end with their answers, then stop."""
    await health.drain()
    end_streams()
    await server.stop(grace)
