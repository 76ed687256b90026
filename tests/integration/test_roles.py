"""What each role may do, tried in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

TELEMETRY = ("agent_runs", "agent_steps", "agent_failures", "run_changes", "projects")


@contextmanager
def acting_as(connection: psycopg.Connection, role: str) -> Iterator[psycopg.Connection]:
    connection.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
    try:
        yield connection
    finally:
        connection.execute("RESET ROLE")


@pytest.mark.parametrize("table", [*TELEMETRY, "ingest_step_stage", "ingest_failure_stage"])
@pytest.mark.parametrize("role", ["agenttrace_ingest", "agenttrace_maintain", "agenttrace_grafana"])
def test_only_the_query_role_reads(connection: psycopg.Connection, role: str, table: str) -> None:
    with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT FROM {table}")  # type: ignore[arg-type]


@pytest.mark.parametrize("table", TELEMETRY)
def test_the_query_role_reads_views_and_no_table(connection: psycopg.Connection, table: str) -> None:
    with acting_as(connection, "agenttrace_query"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT FROM {table}")  # type: ignore[arg-type]


@pytest.mark.parametrize("view", ["api.runs", "api.steps", "api.failures", "api.run_changes", "api.failure_codes"])
def test_the_query_role_writes_nothing(connection: psycopg.Connection, view: str) -> None:
    with acting_as(connection, "agenttrace_query"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"DELETE FROM {view}")  # type: ignore[arg-type]


def test_nobody_but_ingest_inserts_steps(connection: psycopg.Connection) -> None:
    for role in ("agenttrace_query", "agenttrace_maintain", "agenttrace_grafana"):
        with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO agent_steps DEFAULT VALUES")


def test_the_views_show_nothing_without_a_project(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO agent_runs (project_id, run_id, day, is_stub, status, start_time)"
        " VALUES (1, gen_random_uuid(), current_date, false, 'RUNNING', now())"
    )

    with acting_as(connection, "agenttrace_query"):
        seen = {
            project: connection.execute(
                "SELECT count(*) FROM (SELECT set_config('agenttrace.project_id', %s, false)) s, api.runs", (project,)
            ).fetchone()
            for project in ("", "2", "1")
        }

    assert seen == {"": (0,), "2": (0,), "1": (1,)}


def test_public_may_execute_none_of_our_functions(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname IN ('public', 'api') AND has_function_privilege('public', p.oid, 'EXECUTE')"
    ).fetchall()

    assert rows == []


def test_definer_functions_have_a_fixed_search_path(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' "
        "AND prosecdef AND NOT 'search_path=public, pg_temp' = ANY (coalesce(proconfig, '{}'))"
    ).fetchall()

    assert rows == []


def test_everything_belongs_to_the_owner_role(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('public', 'api') AND pg_get_userbyid(c.relowner) <> 'agenttrace_owner'"
    ).fetchall()

    assert rows == []
