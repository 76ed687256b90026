"""Settings come from the environment, once, and a typo never becomes a default."""

from __future__ import annotations

from pathlib import Path

import pytest

from agenttrace_server import config
from agenttrace_server.errors import StartupError


def test_settings_are_read_by_their_names() -> None:
    settings = config.read(
        {"AGENTTRACE_SERVER_RETENTION_DAYS": "7", "AGENTTRACE_SERVER_REFLECTION": "true", "HOME": "/"}
    )

    assert (settings.retention.days, settings.reflection) == (7, True)


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(StartupError, match="did you mean AGENTTRACE_SERVER_RETENTION_DAYS"):
        config.read({"AGENTTRACE_SERVER_RETENTION_DAY": "7"})


def test_what_other_programs_are_told_is_none_of_ours() -> None:
    assert config.read({"AGENTTRACE_ENDPOINT": "x", "PATH": "y"}) == config.Config()


@pytest.mark.parametrize("value", ["many", "-1", ""])
def test_a_number_that_is_none_is_an_error_without_its_value(value: str) -> None:
    with pytest.raises(StartupError, match="AGENTTRACE_SERVER_POOL_MAX_SIZE must be") as error:
        config.read({"AGENTTRACE_SERVER_POOL_MAX_SIZE": value})
    assert "many" not in str(error.value)


def test_secrets_are_not_in_the_representation() -> None:
    settings = config.Config(database_url="postgresql://u:hunter2@h/d", page_token_key="hunter3")

    assert "hunter" not in repr(settings)


def test_a_child_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTTRACE_SERVER_LOG_LEVEL", "ERROR")
    settings = config.read(pool_max_size=3, reflection=True)

    assert config.read(config.environment_of(settings)) == settings


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("hunter2\n")

    settings = config.read({"AGENTTRACE_SERVER_KEY_PEPPER_FILE": str(tmp_path / "pepper")})

    assert settings.key_pepper == "hunter2"


def test_a_secret_is_told_in_one_place(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("hunter2")
    both = {"AGENTTRACE_SERVER_KEY_PEPPER_FILE": str(tmp_path / "pepper"), "AGENTTRACE_SERVER_KEY_PEPPER": "hunter3"}

    with pytest.raises(StartupError, match="unset one") as error:
        config.read(both)
    assert "hunter" not in str(error.value)


def test_a_secret_of_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    with pytest.raises(StartupError, match="AGENTTRACE_SERVER_DATABASE_URL_FILE names can not be read"):
        config.read({"AGENTTRACE_SERVER_DATABASE_URL_FILE": str(tmp_path / "nowhere")})
    with pytest.raises(StartupError, match="is empty"):
        config.read({"AGENTTRACE_SERVER_PAGE_TOKEN_KEY_FILE": str(tmp_path / "empty")})


def test_what_is_no_secret_stands_in_no_file() -> None:
    with pytest.raises(StartupError, match="there is no setting AGENTTRACE_SERVER_LOG_LEVEL_FILE"):
        config.read({"AGENTTRACE_SERVER_LOG_LEVEL_FILE": "/dev/null"})


def test_authentication_is_one_of_three() -> None:
    assert config.read({"AGENTTRACE_SERVER_AUTHENTICATION": "keys"}).authentication == "keys"
    with pytest.raises(StartupError, match="AUTHENTICATION must be one of auto, keys, none"):
        config.read({"AGENTTRACE_SERVER_AUTHENTICATION": "off"})
