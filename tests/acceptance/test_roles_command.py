"""`agenttrace-server roles` on a database server of one's own, and services that log in as their roles."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from agenttrace.v1 import query_service_pb2 as query
from agenttrace_server.store import migrations
from fix_keys import asking_for_keys, new_key, with_key
from fix_postgres import PostgresServer
from fix_product import run_server
from items import batch, ended, new_id

URL = "AGENTTRACE_SERVER_DATABASE_URL"


def roles(folder: Path, url: str, *options: str) -> list[dict[str, Any]]:
    done = run_server("roles", "--json", *options, cwd=folder, **{URL: url})
    assert (done.returncode, done.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def urls_in(file: Path) -> dict[str, str]:
    """The URLs of a generated file, by their roles."""
    text = file.read_text()
    found = dict(re.findall(r"^AGENTTRACE_SERVER_(\w+)_DATABASE_URL=(.+)$", text, re.MULTILINE))
    (grafana,) = re.findall(r"^# agenttrace_grafana: (.+)$", text, re.MULTILINE)
    return {name.lower(): url for name, url in found.items()} | {"grafana": grafana}


def test_an_existing_server_gets_the_roles_and_the_owner_migrates(tmp_path: Path, empty_database_url: str) -> None:
    found = roles(tmp_path, empty_database_url)
    migrated = run_server("migrate", cwd=tmp_path, **{URL: empty_database_url})

    assert [role["role"] for role in found] == [
        "agenttrace_grafana", "agenttrace_ingest", "agenttrace_maintain", "agenttrace_owner", "agenttrace_query",
    ]  # fmt: skip
    assert all(role["purpose"] for role in found)
    assert (migrated.returncode, migrations.version(empty_database_url)) == (0, migrations.expected_version())


def test_services_that_log_in_as_their_roles_record_and_read(tmp_path: Path, database_url: str) -> None:
    found = roles(tmp_path, database_url, "--generate", str(tmp_path / "urls"))
    urls = urls_in(tmp_path / "urls")
    key = new_key(database_url)
    own = {"ingest_database_url": urls["ingest"], "query_database_url": urls["query"]}

    with asking_for_keys("", **own) as services:
        run_id = new_id()
        answer = services.ingest.RecordBatch(batch(runs=[ended(run_id)]), metadata=with_key(key), timeout=20)
        seen = services.query.GetRun(query.GetRunRequest(run_id=run_id), metadata=with_key(key), timeout=20)
    maintained = run_server("maintain", cwd=tmp_path, AGENTTRACE_SERVER_MAINTAIN_DATABASE_URL=urls["maintain"])

    assert stat.S_IMODE((tmp_path / "urls").stat().st_mode) == 0o600
    assert {role["role"]: role["can_login"] for role in found if role["role"] != "agenttrace_owner"} == {
        f"agenttrace_{name}": True for name in ("grafana", "ingest", "maintain", "query")
    }
    assert (answer.counts.runs.accepted, seen.run.run.run_id) == (1, run_id)
    assert (maintained.returncode, maintained.stderr) == (0, "")


def test_a_role_that_logs_in_may_no_more_than_the_role(tmp_path: Path, database_url: str) -> None:
    roles(tmp_path, database_url, "--generate", str(tmp_path / "urls"))

    for name, url in urls_in(tmp_path / "urls").items():
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT session_user, current_user").fetchone() == (f"agenttrace_{name}",) * 2
            for table in ("agent_runs", "agent_steps", "api_keys", "audit_log"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT FROM {table}")  # type: ignore[arg-type]
            for other in {"owner", "ingest", "query", "maintain", "grafana"} - {name}:
                if (name, other) != ("maintain", "owner"):  # to drop partitions it has to be the owner
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(f"SET ROLE agenttrace_{other}")  # type: ignore[arg-type]


def test_a_password_of_a_file_lets_its_role_in_and_is_not_sent_as_it_is(
    tmp_path: Path, database_url: str, connection: psycopg.Connection
) -> None:
    (tmp_path / "password").write_text("correct horse\n")

    roles(tmp_path, database_url, "--password-file", f"query={tmp_path / 'password'}")

    known = conninfo_to_dict(database_url) | {"user": "agenttrace_query", "password": "correct horse"}
    with psycopg.connect(**known) as logged_in:  # type: ignore[arg-type]
        assert logged_in.execute("SELECT current_user").fetchone() == ("agenttrace_query",)
    kept = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'agenttrace_query'").fetchone()
    assert kept
    assert kept[0].startswith("SCRAM-SHA-256$")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**(known | {"password": "another"}))  # type: ignore[arg-type]


def test_a_user_of_ones_own_may_act_as_every_role(
    tmp_path: Path, database_url: str, connection: psycopg.Connection
) -> None:
    connection.execute("DROP ROLE IF EXISTS shop_app")
    connection.execute("CREATE ROLE shop_app LOGIN PASSWORD 'shop'")

    roles(tmp_path, database_url, "--grant-to", "shop_app")

    known = conninfo_to_dict(database_url) | {"user": "shop_app", "password": "shop"}
    with psycopg.connect(**known, autocommit=True) as logged_in:  # type: ignore[arg-type]
        for name in ("owner", "ingest", "query", "maintain", "grafana"):
            logged_in.execute(f"SET ROLE agenttrace_{name}")  # type: ignore[arg-type]
    connection.execute("DROP ROLE shop_app")


def test_the_statements_are_printed_for_those_who_run_them_by_hand(
    tmp_path: Path, postgres: PostgresServer, empty_database_url: str
) -> None:
    done = run_server("roles", "--print", cwd=tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(done.stdout)  # type: ignore[call-overload]

    assert done.returncode == 0
    assert migrations.migrate(empty_database_url)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--password-file", "root=x"], "--password-file must look like ingest=FILE"),
        (["--password-file", "query=/nowhere"], "the password file of query can not be read"),
        (["--grant-to", "nobody_here"], "there is no such database user"),
        (["--generate", "/nowhere/urls"], "can not write /nowhere/urls"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(
    tmp_path: Path, database_url: str, options: list[str], says: str
) -> None:
    done = run_server("roles", *options, cwd=tmp_path, **{URL: database_url})

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert says in done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["roles", "--grant-to", "agenttrace_query"], "may not create roles"),
        (["keys", "list"], "may not act as agenttrace_owner"),
    ],
)
def test_a_user_who_may_not_is_told_so(tmp_path: Path, database_url: str, command: list[str], says: str) -> None:
    roles(tmp_path, database_url, "--generate", str(tmp_path / "urls"))

    done = run_server(*command, cwd=tmp_path, **{URL: urls_in(tmp_path / "urls")["query"]})

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert says in done.stderr
