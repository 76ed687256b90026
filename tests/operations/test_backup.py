"""docs/backup.md, done as it says: what is restored is what was sent, and goes on from there."""

from __future__ import annotations

from pathlib import Path

import psycopg

from faults.oracle import Generator, Item, Journal, check, stored
from fix_store import assert_counters_equal_a_recount
from operations.machine import Machine
from operations.service import meanwhile, new_database, send, serving
from pages import block, blocks

PAGE = "backup.md"
GRANTS = """
SELECT oid::regclass::text, relowner::regrole::text, relacl::text FROM pg_class
WHERE relnamespace::regnamespace::text IN ('public', 'api', 'grafana')
UNION ALL SELECT oid::regprocedure::text, proowner::regrole::text, proacl::text FROM pg_proc
WHERE pronamespace::regnamespace::text IN ('public', 'api', 'grafana')
UNION ALL SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace
WHERE nspname IN ('public', 'api', 'grafana')
UNION ALL SELECT datname, datdba::regrole::text, datacl::text FROM pg_database WHERE datname = current_database()
"""


def test_the_page_has_no_commands_that_no_test_runs() -> None:
    assert [word for word, _ in blocks(PAGE)] == ["dump", "restore", "archive", "base", "recover"]


def test_a_dump_is_restored_into_a_new_cluster(
    a_machine: Machine, make: Generator, journal: Journal, tmp_path: Path
) -> None:
    old, new = a_machine.cluster("old"), a_machine.cluster("new")
    old_url, new_url = new_database(old), f"{new}/agenttrace"
    before, more = make.runs(40), make.runs(60)
    with serving(tmp_path / "old", old_url) as service:
        send(service, make, before, journal)
        with meanwhile(lambda: send(service, make, more, journal)):
            a_machine.run(block(PAGE, "dump"), AGENTTRACE_SERVER_DATABASE_URL=old_url)

    a_machine.run(block(PAGE, "restore"), NEW_SERVER_URL=f"{new}/postgres", NEW_DATABASE_URL=new_url)

    with psycopg.connect(new_url, autocommit=True) as connection, psycopg.connect(old_url) as original:
        restored = stored(connection)
        assert {item.key for item in before} <= restored.keys() <= stored(original).keys()
        assert connection.execute("SELECT count(*) FROM run_changes").fetchone() == (0,)
        assert grants(connection) == grants(original)
        assert_all_goes_on(connection, new_url, tmp_path, make, before, more)


def test_a_cluster_is_recovered_to_the_moment_before_a_mistake(
    a_machine: Machine, make: Generator, journal: Journal, tmp_path: Path
) -> None:
    server = a_machine.cluster("data")
    a_machine.run("mkdir archive backups; chmod 777 archive backups")
    places = {name.upper(): a_machine.folder / name for name in ("archive", "backups")}
    places |= {"PGDATA": a_machine.folder / "data", "RECOVERED": a_machine.expect("recovered")}
    told = {name: str(place) for name, place in places.items()} | {"SERVER_URL": f"{server}/postgres"}
    a_machine.run(block(PAGE, "archive"), **told)
    url = new_database(server)
    before, more, lost = make.runs(40), make.runs(40), make.runs(10)
    with serving(tmp_path / "before", url) as service, psycopg.connect(url, autocommit=True) as connection:
        send(service, make, before, journal)
        with meanwhile(lambda: send(service, make, more, journal)):
            a_machine.run(block(PAGE, "base"), **told)
        row = connection.execute("SELECT clock_timestamp()::text").fetchone()
        assert row
        with Journal(tmp_path / "lost") as of_lost:
            send(service, make, lost, of_lost)
        connection.execute("DELETE FROM agent_steps")

    a_machine.run(block(PAGE, "recover"), DATABASE_URL=url, RECOVER_TO=row[0], **told)

    with psycopg.connect(url, autocommit=True) as connection:
        check(connection, [*before, *more], journal, complete=True)
        assert_all_goes_on(connection, url, tmp_path, make, [*before, *more], lost)


def assert_all_goes_on(
    connection: psycopg.Connection, url: str, folder: Path, make: Generator, known: list[Item], rest: list[Item]
) -> None:
    """All is sent again: what is known is a duplicate, the rest is taken, and nothing is there twice."""
    assert_counters_equal_a_recount(connection)
    missing = {item.key for item in rest} - stored(connection).keys()
    with serving(folder / "after", url) as service, Journal(folder / "again") as again:
        send(service, make, known, again)
        assert sum(again.accepted.values()) == 0
        assert again.duplicate["steps"] == len([item for item in known if item.key[0] == "steps"])
        send(service, make, rest, again)
        service.assert_log_is_calm()
    assert again.rejections == []
    assert again.accepted["steps"] == len([key for key in missing if key[0] == "steps"])
    assert stored(connection) == {item.key: [item.content] for item in [*known, *rest]}
    assert_counters_equal_a_recount(connection)


def grants(connection: psycopg.Connection) -> list[tuple[str, ...]]:
    """Who owns every table, function and schema, and who may do what with it."""
    rows = connection.execute(GRANTS).fetchall()
    return sorted((name, owner, *sorted((acl or "").strip("{}").split(","))) for name, owner, acl in rows)
