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


def _setting(default: Any, help_text: str, *, secret: bool = False, choices: tuple[str, ...] = ()) -> Any:
    """A field with its line of documentation; a secret is kept out of repr, and may be read from a file."""
    return field(default=default, repr=not secret, metadata={"help": help_text, "choices": choices})


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
    console_address: str = _setting("127.0.0.1:8080", "Where the web console listens; port 0: any free one")
    console_query_endpoint: str = _setting("", "Where the console finds the query service; empty: query_address")
    console_query_ca_file: str = _setting("", "PEM file for the query service's certificate; empty: public ones")
    console_url: str = _setting("", "Where people reach the console, if that is not where it listens, as by a proxy")
    console_session_key: str = _setting("", "Encrypts sessions; replicas share it; empty: made at a start", secret=True)
    console_session_key_previous: str = _setting("", "The key before, while its sessions last: 12 hours", secret=True)
    grafana_url: str = _setting("", "Where Grafana is, for links from the console; empty: none")
    metrics_host: str = _setting("127.0.0.1", "Where /metrics is served")
    ingest_metrics_port: int = _setting(9464, "Port of the ingest service's /metrics; 0: any free one")
    query_metrics_port: int = _setting(9465, "Port of the query service's /metrics; 0: any free one")
    console_metrics_port: int = _setting(9466, "Port of the console's /metrics; 0: any free one")
    maintain_metrics_port: int = _setting(9467, "Port of the maintain process's /metrics; 0: any free one")
    prometheus_port: int = _setting(9090, "Port of the Prometheus of `up --with-prometheus`; 0: any free one")
    revision: str = _setting("", "What this build was made from, shown in agenttrace_build_info; empty: unknown")
    metrics_agent_limit: int = _setting(100, "Agents with metrics of their own in one process; more are `_OTHER`")
    pool_max_size: int = _setting(10, "Connections of one process to PostgreSQL at most")
    pool_timeout_seconds: float = _setting(5.0, "How long a call waits for a connection, and a statement may run")
    connect_timeout_seconds: float = _setting(10.0, "How long a start waits for PostgreSQL")
    ingest_transactions: int = _setting(2, "Transactions of new items at the same time; re-sent ones have one more")
    ingest_workers: int = _setting(1, "Processes of the ingest service, which share its port: for more cores than one")
    ingest_max_waiting: int = _setting(50_000, "Rows that may wait to be written; then new calls are told to come back")
    retention_days: int = _setting(90, "Items older than this are refused as TOO_OLD")
    watch_retention_hours: float = _setting(6.0, "How long ago a WatchRuns may be resumed from")
    authentication: str = _setting(
        "auto",
        "`keys`: calls need a key; `none`: they need none; `auto`: they need one beyond loopback",
        choices=("auto", "keys", "none"),
    )
    insecure: bool = _setting(False, "Listen beyond loopback without TLS or keys, where something else protects it")
    tls_certificate_file: str = _setting("", "PEM file of the certificate and those it leads to; empty: no TLS")
    tls_key_file: str = _setting("", "PEM file of the certificate's key, without a passphrase")
    tls_client_ca_file: str = _setting("", "PEM file: clients must show a certificate that leads to one of these")
    key_pepper: str = _setting("", "Keys are hashed under it; replicas share it; `up` keeps its own", secret=True)
    key_pepper_previous: str = _setting("", "The pepper before, while keys that it hashed still live", secret=True)
    erasure_key: str = _setting("", "Tombstones of erasures are made under it; replicas share it", secret=True)
    erasure_key_previous: str = _setting("", "The key before, while tombstones made under it are kept", secret=True)
    page_token_key: str = _setting("", "Signs page tokens; replicas share it; empty: made at each start", secret=True)
    page_token_key_previous: str = _setting("", "The key before, while tokens that it signed are used", secret=True)
    rate_limit_items: int = _setting(100_000, "Items a second of one key, in one process; 0: no limit")
    rate_limit_bytes: int = _setting(128 * 2**20, "Bytes a second of one key's uploads, in one process; 0: no limit")
    rate_limit_streams: int = _setting(20_000, "Open streams of one key, in one process; 0: no limit")
    name_limit: int = _setting(10_000, "Distinct agents, steps, tools and models of a project, each; 0: no limit")
    connection_age_seconds: float = _setting(1800.0, "How old a connection gets, more or less; 0: any age")
    connection_age_grace_seconds: float = _setting(70.0, "How long calls of such a connection have to end; uploads: 60")
    drain_seconds: float = _setting(20.0, "How long open calls have to end at shutdown")
    reuse_port: bool = _setting(False, "Share the port with other processes; `serve ingest --workers` sets it")
    reflection: bool = _setting(False, "Serve gRPC reflection; on in `up`")
    log_level: str = _setting(
        "",
        "DEBUG, INFO (every call), WARNING (calls that failed) or ERROR; empty: INFO, but WARNING in `demo`, "
        "and in `up` on a terminal",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    )

    @property
    def retention(self) -> timedelta:
        """How far back items are accepted."""
        return timedelta(days=self.retention_days)


def read(environment: Mapping[str, str] | None = None, **overrides: Any) -> Config:
    """Return the settings of the environment; raise StartupError for an unknown name or an unreadable value.

    A secret may stand in a file, which its name with _FILE behind it names. `overrides` win over the environment.
    """
    given = os.environ if environment is None else environment
    types = get_type_hints(Config)
    values: dict[str, Any] = {}
    for name in sorted(name for name in given if name.startswith(PREFIX)):
        setting = name.removeprefix(PREFIX).lower()
        if setting in types:
            values[setting] = _parse(name, given[name], types[setting])
        elif (secret := setting.removesuffix("_file")) in _secrets() and secret != setting:
            if secret in values:
                raise StartupError(f"both {name} and {PREFIX}{secret.upper()} are set: unset one")
            values[secret] = _read_secret(name, given[name])
        else:
            raise StartupError(f"there is no setting {name}{_closest(setting, types)}: correct or unset it")
    _refuse_other_choices(values)
    return Config(**{**values, **overrides})


def environment_of(config: Config) -> dict[str, str]:
    """Return the environment from which `read` gives this configuration again, everything else as it is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return inherited | {PREFIX + name.upper(): str(value) for name, value in settings.items()}


def _secrets() -> set[str]:
    return {f.name for f in dataclasses.fields(Config) if not f.repr}


def _read_secret(name: str, path: str) -> str:
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise StartupError(f"the file that {name} names can not be read: correct its path or its mode") from None
    if not secret:
        raise StartupError(f"the file that {name} names is empty")
    return secret


def _refuse_other_choices(values: Mapping[str, Any]) -> None:
    for f in dataclasses.fields(Config):
        choices = f.metadata["choices"]
        if choices and values.get(f.name, f.default) not in (f.default, *choices):
            raise StartupError(f"{PREFIX}{f.name.upper()} must be one of {', '.join(choices)}")


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
