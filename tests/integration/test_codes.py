"""`agenttrace-server codes` on a real database."""

from __future__ import annotations

import json

import psycopg
import pytest

from agenttrace_server.commands import codes
from agenttrace_server.errors import StartupError
from agenttrace_server.read_records import CatalogueEntry
from agenttrace_server.store import catalogue

OURS = {"type": "TOOL", "code": "crm_locked", "title": "The CRM was locked", "remedy": "Wait for the nightly job."}


def known(url: str) -> dict[tuple[str, str], str]:
    return {(entry.type, entry.code): entry.title for entry in catalogue.read(url)}


def test_what_is_listed_can_be_imported_and_changes_nothing(database_url: str) -> None:
    before = catalogue.read(database_url)

    written = catalogue.write(database_url, before, replace=True)

    assert (written.added, written.changed, written.removed) == (0, 0, 0)
    assert catalogue.read(database_url) == before


def test_an_import_adds_and_changes_and_leaves_the_rest(database_url: str) -> None:
    before = known(database_url)
    changed = CatalogueEntry("TOOL", "timeout", "Too slow", "")

    written = catalogue.write(database_url, [CatalogueEntry(**OURS), changed], replace=False)

    assert (written.added, written.changed, written.removed) == (1, 1, 0)
    assert known(database_url) == before | {("TOOL", "crm_locked"): OURS["title"], ("TOOL", "timeout"): "Too slow"}


def test_a_replacing_import_removes_what_is_not_in_the_file(database_url: str) -> None:
    count = len(known(database_url))

    written = catalogue.write(database_url, [CatalogueEntry(**OURS)], replace=True)

    assert (written.added, written.changed, written.removed) == (1, 0, count)
    assert known(database_url) == {("TOOL", "crm_locked"): OURS["title"]}


def test_an_import_is_in_the_audit_log(database_url: str, connection: psycopg.Connection) -> None:
    catalogue.write(database_url, [CatalogueEntry(**OURS)], replace=False)

    assert connection.execute("SELECT action FROM audit_log").fetchall() == [("codes.import",)]


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({**OURS, "type": "tool"}, "code 2: type must be one of MODEL, ORCHESTRATION, RETRIEVAL, TOOL"),
        ({**OURS, "code": "two words"}, "code 2: code must be a token"),
        ({**OURS, "title": ""}, "code 2: title must not be empty"),
        ({**OURS, "remedy": "\0"}, "code 2: title and remedy must not hold NUL"),
        ({**OURS, "remedy": None}, "code 2: must have the texts type, code, title, remedy"),
        ({"code": "x"}, "code 2: must have the texts"),
        (OURS, "code 2: its type and code stand above it already"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_the_place(item: object, says: str) -> None:
    with pytest.raises(StartupError, match=says):
        codes.read(json.dumps([OURS, item]))


@pytest.mark.parametrize(("text", "says"), [("{", "no JSON at line 1, column 2"), ("{}", "not a JSON list")])
def test_so_is_one_that_is_no_json(text: str, says: str) -> None:
    with pytest.raises(StartupError, match=says):
        codes.read(text)
