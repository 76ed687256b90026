"""Probes one service for `doctor`: does it answer, is it ready, does it take the key, what time is it there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import grpc

from agenttrace.channel import authorization, open_channel, target
from agenttrace.errors import (
    CallError,
    DeadlineExceededError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from agenttrace.rpc_status import error_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

OK, WARNING, PROBLEM, UNREACHABLE = "ok", "warning", "problem", "unreachable"

_TIMEOUT_SECONDS = 5.0
_SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse with status SERVING


class Finding(NamedTuple):
    """What a check found, and what to do about it."""

    subject: str
    result: str
    text: str
    remedy: str = ""


class Service(NamedTuple):
    """A service of ours, and how its address is told.

    Attributes:
        name: "ingest" or "query".
        full_name: As the contract names it.
        setting: The variable that holds its address.
        method: A call that changes nothing and needs the key's scope.
        scope: What the key must be allowed.
    """

    name: str
    full_name: str
    setting: str
    method: str
    scope: str


class Probe:
    """A connection to one service; a context manager."""

    def __init__(self, service: Service, endpoint: str, api_key: str, root_certificates: str | None) -> None:
        self.service = service
        self.endpoint = endpoint
        self.encrypted = target(endpoint, root_certificates)[1] is not None
        self._metadata = authorization(api_key)
        self._channel = open_channel(endpoint, root_certificates)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def call(self, path: str, request: bytes) -> bytes:
        """Make a call with serialized messages; raise CallError."""
        make: Callable[..., Any] = self._channel.unary_unary(path, None, None)
        try:
            answer: bytes = make(request, timeout=_TIMEOUT_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from None
        return answer

    def health(self) -> Finding:
        """Ask the service whether it is ready."""
        name = self.service.full_name.encode()
        began = time.perf_counter()
        try:
            answer = self.call("/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(name)]) + name)
        except CallError as error:
            return self._not_healthy(error)
        if answer != _SERVING:
            return self._finding(PROBLEM, "is not ready: its database does not answer, or has an older schema", _READY)
        milliseconds = (time.perf_counter() - began) * 1000
        how = "TLS" if self.encrypted else "plaintext"
        return self._finding(OK, f"ready ({how}, {milliseconds:.0f} ms); its database answers and has the schema")

    def key(self) -> Finding:
        """Ask for something that needs the key and changes nothing."""
        subject, scope = f"key for {self.service.name}", self.service.scope
        try:
            self.call(f"/{self.service.full_name}/{self.service.method}", b"")
        except UnauthenticatedError as error:
            return Finding(subject, PROBLEM, *_CAUSES.get(error.facts.get("cause", ""), _SOME_CAUSE))
        except PermissionDeniedError:
            return Finding(subject, WARNING, f"may not {scope}", f"fine, unless this machine has to {scope}")
        except CallError as error:
            if error.status == "UNIMPLEMENTED":
                return Finding(subject, PROBLEM, "the server is older than this client", "update agenttrace-server")
            return Finding(subject, PROBLEM, f"could not be checked: {error.reason or error.status}")
        told = "may" if self._metadata else "none is needed to"
        return Finding(subject, OK, f"{told} {scope}")

    def _not_healthy(self, error: CallError) -> Finding:
        setting = self.service.setting
        if isinstance(error, NotFoundError):
            return self._finding(PROBLEM, "is another service of ours", f"swap the addresses: see {setting}")
        if isinstance(error, (UnavailableError, DeadlineExceededError)):
            waited = isinstance(error, DeadlineExceededError)
            text = f"does not answer within {_TIMEOUT_SECONDS:.0f} s" if waited else "does not answer"
            return self._finding(UNREACHABLE, text + _hint(str(error), self.encrypted), f"set {setting}, or {_START}")
        text = f"is no server of ours ({error.status})"
        return self._finding(PROBLEM, text, f"set {setting} to the gRPC address of {self.service.name}")

    def _finding(self, result: str, text: str, remedy: str = "") -> Finding:
        return Finding(self.service.name, result, f"{self.endpoint} {text}", remedy)


# Why a key does not count, by the cause in the error, and what to do.
_CAUSES = {
    "missing": ("is missing, and needed", "set AGENTTRACE_API_KEY; `agenttrace-server keys create` makes one"),
    "malformed": ("has not the form of a key", "look at AGENTTRACE_API_KEY: it begins with at_ and has 59 characters"),
    "unknown": ("is not known to this server", "look at AGENTTRACE_API_KEY: is it of this server, and whole?"),
    "expired": ("has expired", "set AGENTTRACE_API_KEY to a new one: `agenttrace-server keys create`"),
    "revoked": ("was revoked", "set AGENTTRACE_API_KEY to a new one: `agenttrace-server keys create`"),
}
_SOME_CAUSE = ("is missing, unknown, expired or revoked", "set AGENTTRACE_API_KEY")
_READY = "look at the server's log; `agenttrace-server migrate` brings the schema up to date"
_START = "start it: `agenttrace-server up`"


def _hint(text: str, encrypted: bool) -> str:
    """Return what gRPC's words mean, where they mean something to a person."""
    said = text.lower()
    hung_up = "a certificate of yours (AGENTTRACE_CLIENT_CERTIFICATE)" if encrypted else "TLS (https://)"
    for words, meaning in (
        ("wrong_version_number", ": no TLS there; http:// in front of the address means plaintext"),
        ("certificate_verify_failed", ": its certificate is not trusted; see AGENTTRACE_ROOT_CERTIFICATES"),
        ("connection refused", ": nothing listens there"),
        ("dns resolution failed", ": there is no such host"),
        ("socket closed", f": it hung up; does it want {hung_up}?"),
    ):
        if words in said:
            return meaning
    return ""
