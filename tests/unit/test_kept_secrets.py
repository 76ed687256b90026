"""Secrets of `up` are made once, and are for their owner alone."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agenttrace_server.config import Config
from agenttrace_server.errors import StartupError
from agenttrace_server.kept_secrets import with_kept_secrets, with_known_pepper


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    config = Config(data_directory=tmp_path / "data")

    first, again = with_kept_secrets(config), with_kept_secrets(config)

    assert first == again
    kept = [first.console_session_key, first.erasure_key, first.key_pepper, first.page_token_key]
    assert len(set(kept)) == 4
    assert {len(secret) for secret in kept} == {64}


def test_they_are_for_their_owner_alone(tmp_path: Path) -> None:
    with_kept_secrets(Config(data_directory=tmp_path / "data"))

    folder = tmp_path / "data/secrets"
    assert sorted(file.name for file in folder.iterdir()) == [
        "console_session_key",
        "erasure_key",
        "key_pepper",
        "page_token_key",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}


def test_many_starters_agree_on_one(tmp_path: Path) -> None:
    configs = [Config(data_directory=tmp_path / "data")] * 40

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(with_kept_secrets, configs))) == 1


def test_what_is_set_is_used_and_not_written(tmp_path: Path) -> None:
    config = Config(
        data_directory=tmp_path / "data",
        key_pepper="p" * 32,
        erasure_key="e",
        page_token_key="k",
        console_session_key="c",
    )

    assert with_kept_secrets(config) == config
    assert not config.data_directory.exists()


def test_a_file_that_was_emptied_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    config = Config(data_directory=tmp_path)
    with_kept_secrets(config)
    (tmp_path / "secrets/key_pepper").write_text("\n")

    with pytest.raises(StartupError, match="key_pepper is empty: restore it"):
        with_kept_secrets(config)


def test_keys_for_a_database_of_ones_own_need_the_pepper_of_its_services(tmp_path: Path) -> None:
    config = Config(data_directory=tmp_path / "data", database_url="postgresql://h/d")

    with pytest.raises(StartupError, match="set AGENTTRACE_SERVER_KEY_PEPPER"):
        with_known_pepper(config)
    assert with_known_pepper(Config(key_pepper="p" * 32)).key_pepper == "p" * 32
    assert not config.data_directory.exists()
