"""Every client is built by its README's commands, passes its own tests, and its example records the planned runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import agenttrace
from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from conformance.clients import Client
from conformance.languages import in_languages
from fix_product import Product

Build = Callable[[str], Client]
RUNS = 12
PLANNED_NAMES = {
    "classify_ticket", "choose_tools", "search_articles", "find_order", "refund", "shipping_status", "answer",
}  # fmt: skip


@in_languages()
def test_it_is_built_by_the_commands_of_its_readme(language: str, client: Build) -> None:
    built = client(language)

    readme = (built.folder / "README.md").read_text()

    assert [command for command in built.build if " ".join(command) not in readme] == []


@in_languages()
def test_its_own_tests_pass(language: str, client: Build, product: Product) -> None:
    built = client(language)
    if not built.unit:
        pytest.skip(f"{language}: its tests are in tests/unit and tests/acceptance")
    settings = {name: value for name, value in product.environment.items() if name.startswith("AGENTTRACE_")}

    for command in built.unit:
        done = built.run(command, seconds=600, **settings)

        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"


@in_languages()
def test_its_example_records_the_planned_runs(language: str, client: Build, product: Product) -> None:
    built = client(language)
    if not built.example:
        pytest.skip(f"{language}: its example is tested in tests/acceptance")
    settings = {name: value for name, value in product.environment.items() if name.startswith("AGENTTRACE_")}

    done = built.run(built.example, "--runs", str(RUNS), **settings)

    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    told = dict(re.findall(r"^([0-9a-f-]{36}) .*ticket-(\d+)", done.stdout, re.MULTILINE))
    assert sorted(map(int, told.values())) == list(range(RUNS))
    with agenttrace.QueryClient(product.endpoints["query"]) as reader:
        listed = {
            summary.run.run_id for summary in reader.runs(agent_id="customer-support", tags=["example", language])
        }
        assert listed >= told.keys()
        for run_id, number in told.items():
            check_run(language, int(number), reader.run(run_id))


def check_run(language: str, number: int, detail: Any) -> None:
    """Hold one ticket's run against what the README says of it."""
    run, steps = detail.run.run, {step.name: step for step in detail.steps}
    intent = ("refund", "delivery", "lost", "cancel")[number % 4]
    supervisor = number % 12 == 8
    assert (run.agent_version, run.environment, run.session_id) == ("1.4.0", "demo", f"ticket-{number}")
    assert sorted(run.tags) == sorted(["example", intent, language])
    assert detail.completeness.complete
    assert {"classify_ticket", "choose_tools", "search_articles", "find_order"} <= steps.keys() <= PLANNED_NAMES
    assert ("answer" in steps, "refund" in steps) == (not supervisor, intent == "refund")
    assert steps["choose_tools"].parent_step_id == steps["classify_ticket"].step_id
    assert steps["choose_tools"].type == step_pb2.STEP_TYPE_MODEL
    assert steps["choose_tools"].model.usage.input_tokens > 0
    check_attempts(number, detail)
    check_failures(number, intent, detail)
    if supervisor:
        assert run.status == run_pb2.RUN_STATUS_FAILURE
    elif intent == "cancel" or any(not failure.recovered for failure in detail.failures):
        assert run.status == run_pb2.RUN_STATUS_PARTIAL
    else:
        assert run.status == run_pb2.RUN_STATUS_SUCCESS


def check_attempts(number: int, detail: Any) -> None:
    found = [step for step in detail.steps if step.name == "find_order"]
    attempts = [1, 2] if number % 6 == 5 else [1]
    assert sorted(step.attempt for step in found) == attempts
    first = min(found, key=lambda step: step.attempt)
    assert {step.retry_of_step_id for step in found if step.attempt > 1} <= {first.step_id}


def check_failures(number: int, intent: str, detail: Any) -> None:
    failures = {
        (f.failure.code, f.failure.type, f.recovered) for f in detail.failures if f.step_name != "shipping_status"
    }
    planned = set()
    if intent == "cancel":
        planned.add(("empty_retrieval", failure_pb2.FAILURE_TYPE_RETRIEVAL, False))
    if number % 6 == 5:
        planned.add(("not_found", failure_pb2.FAILURE_TYPE_TOOL, True))
    if number % 12 == 8:
        planned.add(("supervisor_needed", failure_pb2.FAILURE_TYPE_TOOL, False))
    assert failures == planned
