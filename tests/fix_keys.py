"""Services that ask for keys, and keys to call them with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from agenttrace_server.api_keys import Peppers
from agenttrace_server.store import key_register, projects
from fix_server import Services, config_for, running

PEPPER = "a pepper of 32 characters, or more"
OTHER_PEPPER = "another pepper of 32 characters, or more"


@contextmanager
def asking_for_keys(database_url: str, **settings: Any) -> Iterator[Services]:
    """Run both services; no call gets in without a key."""
    with running(config_for(database_url, **{"authentication": "keys", "key_pepper": PEPPER, **settings})) as services:
        yield services


def new_project(url: str, name: str) -> int:
    return projects.create(url, name).project_id


def new_key(
    url: str,
    project: str = "default",
    *scopes: str,
    peppers: Peppers | None = None,
    expires_in: timedelta | None = None,
) -> str:
    """A key's text; without scopes it may record and read."""
    chosen = scopes or ("ingest", "query")
    return key_register.create(url, peppers or Peppers(PEPPER), project, "test", chosen, expires_in)[0].text


def revoke(url: str, key: str) -> None:
    key_register.revoke(url, key.split("_")[1])


def with_key(key: str) -> tuple[tuple[str, str], ...]:
    """Metadata as the SDK sends it."""
    return (("authorization", f"Bearer {key}"),)


def refusal(error: grpc.RpcError) -> tuple[str, str, dict[str, str]]:
    """An error's status, reason and facts."""
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code().name, info.reason, dict(info.metadata)
