"""What is no token, number or truth value goes no further than the call site."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

import agenttrace
from agenttrace import forms, limits

TABLE = json.loads((Path(__file__).parents[3] / "proto/agenttrace/v1/limits.json").read_text())
CANARY = "my card is 4111 1111 1111 1111"


@pytest.mark.parametrize("argument", ["agent_id", "agent_version", "environment"])
def test_a_tracer_with_a_name_that_is_no_token_is_refused_without_showing_it(argument):
    with pytest.raises(agenttrace.InvalidTokenError, match=argument) as refused:
        agenttrace.Tracer(**{"agent_id": "support", argument: CANARY})

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("agent_id", ["", None, 42])
def test_a_tracer_needs_an_agent(agent_id):
    with pytest.raises(agenttrace.InvalidTokenError):
        agenttrace.Tracer(agent_id)


def test_a_code_that_is_no_token_is_refused_at_construction():
    with pytest.raises(agenttrace.InvalidTokenError):
        agenttrace.Tracer("support", classify={ValueError: CANARY})


@pytest.mark.parametrize("name", [CANARY, "", None, 42, ["x"], "search(q=1)"])
def test_a_step_with_a_bad_name_is_kept_as_invalid_name_counted_and_warned_of_once(tracer, double, caplog, name):
    with tracer.run() as run:
        for _ in range(2):
            with run.step("tool", name):
                pass

    assert [step.name for step in double.steps] == ["invalid_name", "invalid_name"]
    assert tracer.flush().refused_names == 2
    assert len(caplog.records) == 1


def test_an_unknown_type_of_step_is_recorded_as_other(tracer, double):
    with tracer.run() as run, run.step("toool", "x"):
        pass

    assert double.step("x").type == 8


@pytest.mark.parametrize("accepted", TABLE["patterns"]["token"]["accepts"])
def test_tokens_of_the_table_pass(accepted):
    assert forms.is_token(accepted)


@pytest.mark.parametrize("refused", [*TABLE["patterns"]["token"]["refuses"], "x" * 129, None, 3, b"x"])
def test_what_the_table_refuses_is_no_token(refused):
    assert not forms.is_token(refused)


@pytest.mark.parametrize("key", TABLE["content_keys"]["refuses"])
def test_a_key_that_names_content_takes_numbers_and_no_string(key):
    assert not forms.is_attribute(key, "token")
    assert forms.is_attribute(key, 3)
    assert forms.is_attribute(key, True)


@pytest.mark.parametrize("key", TABLE["content_keys"]["accepts"])
def test_a_key_that_names_or_counts_takes_a_token(key):
    assert forms.is_attribute(key, "token")


@pytest.mark.parametrize("value", [CANARY, None, float("nan"), float("inf"), 2**63, [1], {"a": 1}, b"x", 1j])
def test_a_value_that_may_not_be_stored_is_left_out_and_counted(tracer, double, value):
    with tracer.run(attributes={"a": value}) as run, run.step("tool", "x") as step:
        step.set(a=value, b=2)
        run.set(c=value)

    assert set(double.step("x").attributes) == {"b"}
    assert not double.end.attributes
    assert tracer.flush().refused_attributes == 3


def test_a_step_holds_at_most_as_many_attributes_as_the_contract(tracer, double):
    with tracer.run() as run, run.step("tool", "x") as step:
        step.set(**{f"a{number}": number for number in range(limits.ATTRIBUTES + 3)})

    assert len(double.step("x").attributes) == limits.ATTRIBUTES
    assert tracer.flush().refused_attributes == 3


@pytest.mark.parametrize(
    "facts",
    [
        {"model": CANARY},
        {"input_tokens": -1},
        {"output_tokens": "5"},
        {"tool": 3},
        {"prompt": "x"},
        {"result_count": True},
    ],
)
def test_a_fact_that_is_not_of_its_kind_is_left_out_and_counted(tracer, double, facts):
    with tracer.run() as run, run.step("tool", "x", **facts):
        pass

    step = double.step("x")
    assert not {"model", "tool", "retrieval"} & {field.name for field, _ in step.ListFields()}
    assert tracer.flush().refused_attributes == 1


SECRETS = [rule["refuses"][0] for rule in TABLE["scanners"]["rules"]]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_refused_at_every_slot_and_never_leaves(tracer, double, secret):
    slots = {"session_id": secret, "tags": [secret], "attributes": {"a": secret}}
    facts = {"model": secret, "provider": secret, "tool": secret, "tool_call_id": secret, "finish_reason": secret}
    with tracer.run(**slots) as run, run.step("tool", secret, **facts) as step:
        step.set(region=secret, request_id=secret)
        step.fail(secret, exception_type=secret)
    tracer.close(5)

    assert len(double.steps) == 1
    assert secret.encode() not in b"".join(message.SerializeToString() for message in double.messages)


def test_a_class_of_exceptions_named_like_a_secret_is_left_out(tracer, double):
    secret = SECRETS[0]
    with tracer.run() as run:
        try:
            with run.step("tool", "x"):
                raise type(secret, (ValueError,), {"__module__": "builtins"})
        except ValueError:
            pass

    assert double.failures[0].exception_type == ""


@pytest.mark.parametrize("random", TABLE["random_strings"]["refuses"])
def test_what_looks_random_passes_as_an_id_and_as_no_other_attribute(tracer, double, random):
    with tracer.run(session_id=random) as run:
        for _ in range(2):
            with run.step("tool", "x") as step:
                step.set(region=random, request_id=random)

    assert [set(step.attributes) for step in double.steps] == [{"request_id"}, {"request_id"}]
    assert double.runs[0].session_id == random
    assert tracer.flush().refused_attributes == 2


def test_no_text_of_the_host_leaves_by_any_slot(tracer, double, caplog):
    caplog.set_level(logging.DEBUG)
    facts = {"session_id": CANARY, "user_key": CANARY, "tags": [CANARY], "attributes": {"a": CANARY, CANARY: 1}}
    with pytest.raises(ValueError, match="card"), tracer.run(**facts) as run:  # noqa: PT012 - all slots at once
        run.set(region=CANARY, **{CANARY: "x"})
        run.fail(CANARY, exception_type=CANARY)
        with run.step("model", CANARY, model=CANARY, provider=CANARY) as step:
            step.set(prompt=CANARY).tell(finish_reason=CANARY, tool_call_id=CANARY, source=CANARY)
            step.fail(CANARY, type=CANARY, exception_type=CANARY)
        with run.step("tool", "x"):
            raise ValueError(CANARY)
    tracer.close(5)

    wire = b"".join(message.SerializeToString() for message in double.messages)
    assert len(double.steps) == 2
    assert b"card" not in wire
    assert "card" not in caplog.text
