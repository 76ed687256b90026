"""Agents of real frameworks, recorded by the examples: what the database says is what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_product import Product

EXAMPLES = Path(__file__).parents[2] / "examples"
TREE = """
    SELECT s.type, s.name, s.attempt, s.status, first.name AS repeats, parent.name AS inside, f.code, f.http_status
    FROM agent_steps s
    LEFT JOIN agent_steps first ON first.run_id = s.run_id AND first.step_id = s.retry_of_step_id
    LEFT JOIN agent_steps parent ON parent.run_id = s.run_id AND parent.step_id = s.parent_step_id
    LEFT JOIN agent_failures f ON f.run_id = s.run_id AND f.step_id = s.step_id
    WHERE s.run_id = %s ORDER BY s.sequence
"""


def rows(product: Product, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(product.endpoints["database_url"]) as connection:
        return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["pydantic_ai", "langgraph"])
def recorded(request: pytest.FixtureRequest, product: Product) -> tuple[str, Product]:
    """A framework, and the product that has its example's runs."""
    done = product.run("-W", "error", EXAMPLES / f"{request.param}_agent.py")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return request.param, product


def run_id(recorded: tuple[str, Product], session: str) -> str:
    """The last run of a session: another process of the tests may have recorded the example before."""
    framework, product = recorded
    agent = {"pydantic_ai": "pydantic-ai-support", "langgraph": "langgraph-support"}[framework]
    found = "SELECT run_id FROM agent_runs WHERE agent_id = %s AND session_id = %s ORDER BY start_time DESC LIMIT 1"
    return str(rows(product, found, agent, session)[0][0])


STEPS = {
    "pydantic_ai": [
        ("MODEL", "request", 1, "ERROR", None, None, "rate_limited", 429),
        ("MODEL", "request", 2, "OK", "request", None, None, None),
        ("TOOL", "find_order", 1, "ERROR", None, None, "tool_error", None),
        ("TOOL", "carrier_delay", 1, "OK", None, None, None, None),
        ("MODEL", "request", 1, "OK", None, None, None, None),
        ("TOOL", "find_order", 2, "OK", "find_order", None, None, None),
        ("MODEL", "request", 1, "OK", None, None, None, None),
        ("HANDOFF", "policy-expert", 1, "OK", None, None, None, None),
        ("MODEL", "request", 1, "OK", None, None, None, None),
        ("RESPOND", "answer", 1, "OK", None, None, None, None),
    ],
    "langgraph": [
        ("MODEL", "call_model", 1, "ERROR", None, None, "rate_limited", 429),
        ("MODEL", "call_model", 2, "OK", "call_model", None, None, None),
        ("HANDOFF", "catalogue", 1, "OK", None, None, None, None),
        ("TOOL", "find_order", 1, "OK", None, None, None, None),
        ("MODEL", "call_model", 1, "OK", None, None, None, None),
        ("RESPOND", "answer", 1, "OK", None, None, None, None),
    ],
}
PARALLEL = {"pydantic_ai": ("find_order", "carrier_delay"), "langgraph": ("find_order", "catalogue")}


def test_every_call_of_the_model_and_of_a_tool_is_a_step_and_every_retry_one_of_its_own(
    recorded: tuple[str, Product],
) -> None:
    told = rows(recorded[1], TREE, run_id(recorded, "late-parcel"))

    # Parallel tools begin in the order in which their threads or tasks do.
    assert sorted(told, key=repr) == sorted(STEPS[recorded[0]], key=repr)
    assert told[:2] == STEPS[recorded[0]][:2]
    assert told[-1] == STEPS[recorded[0]][-1]


def test_a_run_whose_failures_were_all_made_good_is_a_success(recorded: tuple[str, Product]) -> None:
    counted = (
        "SELECT status, step_count, expected_step_count, retry_count, failure_count FROM agent_runs WHERE run_id = %s"
    )
    retries = {"pydantic_ai": 2, "langgraph": 1}[recorded[0]]
    steps = len(STEPS[recorded[0]])

    assert rows(recorded[1], counted, run_id(recorded, "late-parcel")) == [("SUCCESS", steps, steps, retries, retries)]


def test_tools_that_the_framework_runs_in_parallel_overlap(recorded: tuple[str, Product]) -> None:
    spans = rows(
        recorded[1],
        "SELECT max(start_time) < min(end_time) FROM agent_steps WHERE run_id = %s AND name = ANY (%s) AND attempt = 1",
        run_id(recorded, "late-parcel"),
        list(PARALLEL[recorded[0]]),
    )

    assert spans == [(True,)]


def test_an_agent_that_another_one_asks_is_a_run_of_its_own(recorded: tuple[str, Product]) -> None:
    of_parent = "SELECT agent_id, status, step_count FROM agent_runs WHERE parent_run_id = %s"
    asked = {"pydantic_ai": "pydantic-ai-policy", "langgraph": "langgraph-catalogue"}[recorded[0]]

    assert rows(recorded[1], of_parent, run_id(recorded, "late-parcel")) == [(asked, "SUCCESS", 1)]


def test_tokens_are_those_that_the_model_told(recorded: tuple[str, Product]) -> None:
    counted = (
        "SELECT count(input_tokens), bool_and(input_tokens > 0) FROM agent_steps WHERE run_id = %s AND type = 'MODEL'"
    )
    answered = {"pydantic_ai": 4, "langgraph": 2}[recorded[0]]

    assert rows(recorded[1], counted, run_id(recorded, "late-parcel")) == [(answered, True)]


def test_a_tool_that_fails_fails_the_run_and_is_its_one_failure(recorded: tuple[str, Product]) -> None:
    failed = """
        SELECT r.status, r.failure_count, f.type, f.code, f.exception_type, s.name
        FROM agent_runs r JOIN agent_failures f USING (run_id) JOIN agent_steps s USING (run_id, step_id)
        WHERE r.run_id = %s
    """

    assert rows(recorded[1], failed, run_id(recorded, "big-refund")) == [
        ("FAILURE", 1, "TOOL", "permission_denied", "PermissionError", "refund")
    ]


def test_nothing_that_was_said_is_stored(recorded: tuple[str, Product]) -> None:
    """The questions, the answers and the text of the exceptions are in the example's file."""
    tables = ("agent_runs", "agent_steps", "agent_failures")
    stored = "".join(str(rows(recorded[1], f"SELECT t::text FROM {table} t")) for table in tables)

    assert "find_order" in stored
    assert [said for said in ("parcel ", "parcels", "supervisor", "money back") if said in stored] == []
