"""What each role may do, tried in SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from agenttrace_server.store import migrations

ROLES = ("agenttrace_ingest", "agenttrace_query", "agenttrace_maintain", "agenttrace_grafana")
WHO_MAY_CALL = ("api_keys", "audit_log", "projects")
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


@pytest.mark.parametrize("table", WHO_MAY_CALL)
@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_a_service_reads_or_changes_who_may_call(
    connection: psycopg.Connection, role: str, table: str
) -> None:
    key = {"api_keys": "key_id", "audit_log": "audit_id", "projects": "project_id"}[table]
    for statement in (f"SELECT FROM {table}", f"DELETE FROM {table}", f"UPDATE {table} SET {key} = DEFAULT"):
        with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]
        with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"INSERT INTO {table} DEFAULT VALUES")  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["agenttrace_ingest", "agenttrace_query"])
def test_the_services_find_one_key_by_its_id(connection: psycopg.Connection, role: str) -> None:
    for number in (1, 2):
        connection.execute(
            "INSERT INTO api_keys (key_id, project_id, name, secret_hash, pepper_id, scopes) "
            "VALUES (%s, 1, 'test', sha256('x'), '00000000', '{ingest}')",
            [f"key{number:09}"],
        )

    with acting_as(connection, role):
        found, pattern, nothing = (
            connection.execute("SELECT key_id FROM find_api_key(%s)", [key_id]).fetchall()
            for key_id in ("key000000002", "key%", None)
        )

    assert (found, pattern, nothing) == ([("key000000002",)], [], [])


@pytest.mark.parametrize("role", ["agenttrace_maintain", "agenttrace_grafana"])
def test_nobody_else_finds_keys(connection: psycopg.Connection, role: str) -> None:
    with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM find_api_key('key000000001')")


@pytest.mark.parametrize(("table", "key"), [("agent_steps", "step_id"), ("agent_failures", "failure_id")])
def test_the_ingest_role_gets_back_nothing_of_what_it_writes(
    connection: psycopg.Connection, table: str, key: str
) -> None:
    """Not by RETURNING, not by a conflict, not by a COPY to the outside."""
    for statement in (
        f"INSERT INTO {table} DEFAULT VALUES RETURNING run_id",
        f"INSERT INTO {table} DEFAULT VALUES ON CONFLICT (project_id, run_id, {key}, day) DO NOTHING",
        f"COPY {table} TO STDOUT",
        f"UPDATE {table} SET run_id = run_id",
    ):
        with acting_as(connection, "agenttrace_ingest"), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_a_service_makes_tables(database_url: str, connection: psycopg.Connection, role: str) -> None:
    migrations.create_roles(database_url)  # what it revokes does not travel with the test's clone

    for kind in ("TABLE", "TEMP TABLE"):
        with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"CREATE {kind} mine (x integer)")  # type: ignore[arg-type]


def test_each_role_may_execute_its_own_functions_alone(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT r.rolname, n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, "
        "(SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)) r "
        "WHERE n.nspname IN ('public', 'api', 'grafana') AND has_function_privilege(r.rolname, p.oid, 'EXECUTE')",
        [list(ROLES)],
    ).fetchall()

    allowed = {
        "agenttrace_ingest": r"public\.(ingest|find)_\w+",
        "agenttrace_query": r"api\.\w+|public\.(find_api_key|duration_bucket)",
        "agenttrace_maintain": r"public\.maintain_\w+",
        "agenttrace_grafana": r"grafana\.\w+",
    }
    assert len(rows) > 10
    assert [(role, name) for role, name in rows if not re.fullmatch(allowed[role], name)] == []


@pytest.mark.parametrize(
    "row",
    [
        {"name": "a name with spaces"}, {"key_id": "SHORT"}, {"secret_hash": b"short"}, {"scopes": []},
        {"scopes": ["ingest", "root"]}, {"scopes": [None]}, {"pepper_id": "not hex!"}, {"project_id": 99},
        {"expire_time": "2001-01-01"},
    ],
    ids=str,
)  # fmt: skip
def test_a_key_that_is_none_can_not_be_stored(connection: psycopg.Connection, row: dict[str, object]) -> None:
    good = {"key_id": "key000000001", "project_id": 1, "name": "test", "secret_hash": b"x" * 32}
    values = good | {"pepper_id": "0123abcd", "scopes": ["ingest"], "expire_time": None} | row

    with pytest.raises(psycopg.IntegrityError):
        connection.execute(
            "INSERT INTO api_keys (key_id, project_id, name, secret_hash, pepper_id, scopes, expire_time) VALUES "
            "(%(key_id)s, %(project_id)s, %(name)s, %(secret_hash)s, %(pepper_id)s, %(scopes)s, %(expire_time)s)",
            values,
        )


def test_the_audit_log_has_no_place_for_text(connection: psycopg.Connection) -> None:
    for column in ("actor", "action", "object"):
        values = {"actor": "me", "action": "key.create", "object": "key:x", column: "What the user said to me"}
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "INSERT INTO audit_log (actor, action, object) VALUES (%(actor)s, %(action)s, %(object)s)", values
            )


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
