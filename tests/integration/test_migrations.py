"""Migrations on real databases: empty, current, edited, newer, somebody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from agenttrace_server.errors import StartupError
from agenttrace_server.store import migrations
from agenttrace_server.store.migrations import Migration


def test_an_empty_database_is_brought_to_the_schema_of_this_release(empty_database_url: str) -> None:
    migrations.create_roles(empty_database_url)

    applied = migrations.migrate(empty_database_url)

    assert len(applied) == len(migrations.available())
    assert migrations.version(empty_database_url) == migrations.expected_version()


def test_migrating_again_does_nothing(database_url: str) -> None:
    assert migrations.migrate(database_url) == []


def test_two_runners_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    migrations.create_roles(empty_database_url)

    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrations.migrate, [empty_database_url] * 2))

    assert sorted(len(names) for names in applied) == [0, len(migrations.available())]


def test_an_edited_migration_is_refused(database_url: str) -> None:
    first, *others = migrations.available()
    edited = (replace(first, sql=first.sql + "-- an afterthought\n"), *others)

    with pytest.raises(StartupError, match="0001_create_tables was edited after it was applied"):
        migrations.migrate(database_url, edited)


def test_a_newer_schema_is_refused(database_url: str, connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'x', 'x')")

    with pytest.raises(StartupError, match="install a newer agenttrace-server"):
        migrations.migrate(database_url)


def test_a_failing_migration_leaves_nothing_behind(database_url: str, connection: psycopg.Connection) -> None:
    broken = Migration(9000, "break", "CREATE TABLE half (); SELECT 1/0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrations.migrate(database_url, (*migrations.available(), broken))

    assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert migrations.version(database_url) == migrations.expected_version()


def test_a_database_with_tables_of_the_same_names_is_refused(empty_database_url: str) -> None:
    migrations.create_roles(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE agent_runs (id int)")

    with pytest.raises(StartupError, match="not ours"):
        migrations.migrate(empty_database_url)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    with pytest.raises(StartupError) as error:
        migrations.version("postgresql://me:hunter2@127.0.0.1:1/nowhere")

    assert "nowhere on 127.0.0.1:1" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_url_that_is_none_is_an_error_that_shows_one() -> None:
    with pytest.raises(StartupError, match="must look like postgresql://"):
        migrations.version("hunter2")
