"""What the role of the dashboards may do: whoever sees one may send any SQL as it."""

from __future__ import annotations

import psycopg
import pytest

from fix_grafana import GrafanaDatabases

HARM = [
    "DELETE FROM grafana.v_runs",
    "UPDATE grafana.v_runs SET status = 'SUCCESS'",
    "INSERT INTO grafana.v_failure_codes VALUES ('TOOL', 'x', 'x', 'x')",
    "CREATE TABLE public.mine (x integer)",
    "CREATE TEMP TABLE mine (x integer)",
    "CREATE FUNCTION grafana.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/hostname')",
    "SET ROLE agenttrace_owner",
    "SELECT FROM public.agent_runs",
    "SELECT FROM public.agent_steps",
    "SELECT FROM public.api_keys",
    "SELECT FROM public.erasures",
    "SELECT FROM api.runs",
    "SELECT passwd FROM pg_shadow",
]


@pytest.mark.parametrize("statement", HARM)
def test_it_does_no_harm_even_when_it_turns_its_own_settings_off(databases: GrafanaDatabases, statement: str) -> None:
    with databases.connect("seeded") as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[call-overload]


def test_it_has_nothing_of_users(databases: GrafanaDatabases) -> None:
    with databases.connect("seeded") as connection:
        columns = connection.execute(
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relnamespace = 'grafana'::regnamespace"
        ).fetchall()

    assert len(columns) > 50
    assert [name for (name,) in columns if "user" in name or "secret" in name] == []


def test_a_session_of_its_own_is_bounded(databases: GrafanaDatabases) -> None:
    """A statement, an idle transaction, and the number of connections."""
    with databases.connect("seeded") as connection:
        names = ("statement_timeout", "idle_in_transaction_session_timeout", "default_transaction_read_only")
        found = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]
        limit = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user").fetchone()

    assert found == [("15s",), ("30s",), ("on",)]
    assert limit == (30,)


def test_a_long_sleep_is_ended(databases: GrafanaDatabases) -> None:
    """At the role's timeout, made short here: the setting is the database's, not this session's."""
    with psycopg.connect(databases.urls["empty"], autocommit=True) as owner:
        owner.execute("ALTER ROLE agenttrace_grafana IN DATABASE grafana_empty SET statement_timeout = '200ms'")
        try:
            with databases.connect("empty") as connection, pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(60)")
        finally:
            owner.execute("ALTER ROLE agenttrace_grafana IN DATABASE grafana_empty RESET statement_timeout")
