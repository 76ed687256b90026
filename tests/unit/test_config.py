"""Settings come from the environment, once, and a typo never becomes a default."""

from __future__ import annotations

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
