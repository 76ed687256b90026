"""Every setting of the server, read once from the environment: the only module that reads it."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

from agenttrace_server.errors import StartupError

PREFIX = "AGENTTRACE_SERVER_"


def _setting(default: Any, help_text: str, *, secret: bool = False) -> Any:
    """A field with its line of documentation; a secret is kept out of repr."""
    return field(default=default, repr=not secret, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, by its name without AGENTTRACE_SERVER_ in lower case."""

    database_url: str = _setting("", "PostgreSQL URL of the owner; empty: `up` runs a private one", secret=True)
    ingest_database_url: str = _setting("", "URL of the ingest role; empty: database_url, as that role", secret=True)
    query_database_url: str = _setting("", "URL of the query role; empty: database_url, as that role", secret=True)
    maintain_database_url: str = _setting("", "URL of the maintain role; empty: database_url as that", secret=True)
    data_directory: Path = _setting(Path(".agenttrace"), "Where `up` keeps its private PostgreSQL")
    ingest_address: str = _setting("127.0.0.1:50051", "Where the ingest service listens; port 0: any free one")
    query_address: str = _setting("127.0.0.1:50052", "Where the query service listens; port 0: any free one")
    metrics_host: str = _setting("127.0.0.1", "Where /metrics is served")
    ingest_metrics_port: int = _setting(9464, "Port of the ingest service's /metrics; 0: any free one")
    query_metrics_port: int = _setting(9465, "Port of the query service's /metrics; 0: any free one")
    maintain_metrics_port: int = _setting(9467, "Port of the maintain process's /metrics; 0: any free one")
    pool_max_size: int = _setting(10, "Connections of one process to PostgreSQL at most")
    pool_timeout_seconds: float = _setting(5.0, "How long a call waits for a connection, and a statement may run")
    connect_timeout_seconds: float = _setting(10.0, "How long a start waits for PostgreSQL")
    ingest_transactions: int = _setting(2, "Transactions of new items at the same time; re-sent ones have one more")
    ingest_max_waiting: int = _setting(50_000, "Rows that may wait to be written; then new calls are told to come back")
    retention_days: int = _setting(90, "Items older than this are refused as TOO_OLD")
    watch_retention_hours: float = _setting(6.0, "How long ago a WatchRuns may be resumed from")
    page_token_key: str = _setting("", "Signs page tokens; replicas share it; empty: made at each start", secret=True)
    drain_seconds: float = _setting(20.0, "How long open calls have to end at shutdown")
    reuse_port: bool = _setting(False, "Share the port with other processes; `serve ingest --workers` sets it")
    reflection: bool = _setting(False, "Serve gRPC reflection; on in `up`")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR")

    @property
    def retention(self) -> timedelta:
        """How far back items are accepted."""
        return timedelta(days=self.retention_days)


def read(environment: Mapping[str, str] | None = None, **overrides: Any) -> Config:
    """Return the settings of the environment; raise StartupError for an unknown name or an unreadable value.

    `overrides` win over the environment.
    """
    given = os.environ if environment is None else environment
    types = get_type_hints(Config)
    values: dict[str, Any] = {}
    for name in sorted(name for name in given if name.startswith(PREFIX)):
        setting = name.removeprefix(PREFIX).lower()
        if setting not in types:
            raise StartupError(f"there is no setting {name}{_closest(setting, types)}: correct or unset it")
        values[setting] = _parse(name, given[name], types[setting])
    return Config(**{**values, **overrides})


def environment_of(config: Config) -> dict[str, str]:
    """Return the environment from which `read` gives this configuration again, everything else as it is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return inherited | {PREFIX + name.upper(): str(value) for name, value in settings.items()}


def _closest(setting: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(setting, known, n=1)
    return f", did you mean {PREFIX}{close[0].upper()}?" if close else ""


def _parse(name: str, text: str, wanted: type) -> Any:
    """A setting's value; its text is not repeated in the error, for it may be a secret."""
    if wanted is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise StartupError(f"{name} must be true or false")
        return text.lower() in ("true", "1")
    try:
        value = wanted(text)
    except ValueError:
        raise StartupError(f"{name} must be a number") from None
    if wanted in (int, float) and not 0 <= value < 2**31:
        raise StartupError(f"{name} must be between 0 and 2^31 - 1")
    return value
