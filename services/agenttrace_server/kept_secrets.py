"""Secrets that `up` makes for itself and keeps beside its database, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from agenttrace_server.config import PREFIX, Config
from agenttrace_server.errors import StartupError

FOLDER = "secrets"


def with_kept_secrets(config: Config) -> Config:
    """Return a configuration that has its secrets: those that are set, else kept ones."""
    folder = config.data_directory / FOLDER
    return replace(
        config,
        key_pepper=config.key_pepper or _kept(folder / "key_pepper"),
        erasure_key=config.erasure_key or _kept(folder / "erasure_key"),
        page_token_key=config.page_token_key or _kept(folder / "page_token_key"),
        console_session_key=config.console_session_key or _kept(folder / "console_session_key"),
    )


def with_known_pepper(config: Config) -> Config:
    """Return a configuration with the pepper that the services have; StartupError where it can not be known."""
    return _with_known(config, "key_pepper", "pepper")


def with_known_erasure_key(config: Config) -> Config:
    """Return a configuration with the erasure key that the services have; StartupError where it can not be known."""
    return _with_known(config, "erasure_key", "erasure key")


def _with_known(config: Config, name: str, called: str) -> Config:
    if getattr(config, name):
        return config
    if config.database_url and not (config.data_directory / FOLDER / name).exists():
        raise StartupError(f"no {called}: set {PREFIX}{name.upper()} as the services have it (`openssl rand -hex 32`)")
    return with_kept_secrets(config)


def _kept(path: Path) -> str:
    """Return the secret of a file, making one where there is none."""
    try:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise StartupError(f"can not keep a secret in {path}: correct its mode or choose another folder") from exc
    if not secret:
        raise StartupError(f"{path} is empty: restore it, or remove it and create the keys anew")
    return secret


def _make(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(draft, path)  # whole or not at all, and never in place of one that another process has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink()
