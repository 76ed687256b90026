"""Lets calls in by their API key, and tells the servicers whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import grpc

from agenttrace_server.authenticator import NOBODY, Authenticator, Caller
from agenttrace_server.interceptors.handlers import Context, Handler, HandlerInterceptor, wrap_handler, wrap_messages

# What says nothing about anybody's runs; everything else needs a scope.
_OPEN = ("/grpc.health.v1.Health/", "/grpc.reflection.")
_SCOPES = {"/agenttrace.v1.IngestService/": "ingest", "/agenttrace.v1.QueryService/": "query"}
_SCOPE_OF_OTHERS = "admin"


class Authentication(HandlerInterceptor):
    """Refuses calls without a key that counts and has the scope; a stream is asked again as it goes on."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def wrapped(self, handler: Handler, details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler behind its admission."""
        method = details.method
        if method.startswith(_OPEN):
            return handler
        scope = next((s for service, s in _SCOPES.items() if method.startswith(service)), _SCOPE_OF_OTHERS)
        admission = _Admission(self._authenticator, _key(details), scope)
        return wrap_handler(wrap_messages(handler, admission.renewal), partial(_admitted, admission))


class _Admission:
    """One call's way in."""

    __slots__ = ("_authenticator", "_key", "_scope", "_until", "caller")

    def __init__(self, authenticator: Authenticator, key: str | None, scope: str) -> None:
        self.caller = NOBODY
        self._authenticator = authenticator
        self._key = key
        self._scope = scope
        self._until = 0.0

    async def ask(self) -> None:
        """Let the call in, or raise why not."""
        self.caller, self._until = await self._authenticator.admit(self._key, self._scope)

    def renewal(self) -> Awaitable[None] | None:
        """Return what asks again, once the answer is too old to count."""
        return None if self._authenticator.clock() < self._until else self.ask()


# Every call has a task, and so a context, of its own.
_current: ContextVar[_Admission] = ContextVar("admission")


def caller_of(_: Context) -> Caller:
    """Return whose call it is that runs here."""
    return _current.get().caller


def project_of(context: Context) -> int:
    """Return the project whose call it is that runs here: its key's, never one that a message names."""
    return caller_of(context).project_id


@asynccontextmanager
async def _admitted(admission: _Admission, _: Any, __: Context) -> AsyncIterator[None]:
    await admission.ask()
    _current.set(admission)
    yield


def _key(details: grpc.HandlerCallDetails) -> str | None:
    """The key in the call's metadata, None where it has none."""
    for name, value in details.invocation_metadata or ():
        if name == "authorization":
            scheme, _, key = value.partition(" ") if isinstance(value, str) else ("", "", "")
            return key.strip() if scheme.lower() == "bearer" else ""
    return None
