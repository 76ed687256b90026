"""Every client does every case of the plan against the running product, and leaves in the database what was planned."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from conformance.conftest import Conformance
from conformance.languages import in_languages
from conformance.plans import GOLDEN, HERE, message_class
from fix_product import Product

Of = Callable[[str], Conformance]
CASES = [case["id"] for case in json.loads((HERE / "plan.json").read_text())["cases"]]
CASES += [f"released/{file.stem}" for file in sorted(GOLDEN.glob("*.binpb"))]
STORED = json.loads((HERE / "plan.json").read_text())["stored"]


@in_languages("case_id", values=CASES)
def test_a_case(language: str, case_id: str, conformance: Of) -> None:
    done = conformance(language)
    (case,) = [case for case in done.plan.document["cases"] if case["id"] == case_id]

    entry = done.entry(case_id)

    assert (entry["ok"], entry["detail"]) == (True, "")
    if "message" in case["expect"]:
        assert read(case["type"], entry["observed"]["message"]) == read(case["type"], case["expect"]["message"])
    else:
        assert entry["observed"] == case["expect"]


def read(name: str, told: str) -> Any:
    return message_class(name).FromString(base64.b64decode(told))  # type: ignore[attr-defined]


@in_languages()
def test_a_report_has_each_case_once_and_says_what_ran(language: str, conformance: Of) -> None:
    report = conformance(language).report

    assert (report["language"], sorted(entry["id"] for entry in report["cases"])) == (language, sorted(CASES))
    assert report["versions"]
    assert all(isinstance(value, str) for value in report["versions"].values())


@in_languages()
def test_the_connection_that_was_to_break_did(language: str, conformance: Of) -> None:
    assert conformance(language).cuts >= 1


@in_languages("name", values=[row["run"] for row in STORED])
def test_a_run_is_stored_as_planned(language: str, name: str, conformance: Of, product: Product) -> None:
    done = conformance(language)
    (planned,) = [row for row in done.plan.stored if row["run"] == name]
    columns = [column for column in planned if column != "run"]
    query = sql.SQL("SELECT {} FROM agent_runs WHERE run_id = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, columns))
    )

    with psycopg.connect(product.endpoints["database_url"]) as connection:
        run_id = done.plan.id(name)
        row = connection.execute(query, (run_id,)).fetchone()
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM agent_steps WHERE run_id = %(id)s), "
            "(SELECT count(*) FROM agent_steps WHERE run_id = %(id)s AND status = 'ERROR'), "
            "(SELECT count(*) FROM agent_steps WHERE run_id = %(id)s AND retry_of_step_id IS NOT NULL), "
            "(SELECT count(*) FROM agent_failures WHERE run_id = %(id)s)",
            {"id": run_id},
        ).fetchone()

    assert row == tuple(planned[column] for column in columns)
    assert row[1:] == counted


@in_languages()
def test_nothing_is_stored_that_was_refused(language: str, conformance: Of, product: Product) -> None:
    done = conformance(language)

    with psycopg.connect(product.endpoints["database_url"]) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM agent_runs WHERE run_id = ANY(%(absent)s)), "
            "(SELECT count(*) FROM agent_steps WHERE run_id = %(run)s AND name = 'attribute' AND attributes <> '{}')",
            {"absent": [done.plan.id("nobody"), done.plan.id("never")], "run": done.plan.id("rejecting")},
        ).fetchone()

    assert found == (0, 0)
