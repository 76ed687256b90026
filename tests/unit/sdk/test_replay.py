from __future__ import annotations

import datetime as dt

import pytest

import agenttrace
from agenttrace.v1 import failure_pb2, step_pb2

START = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
END = START + dt.timedelta(milliseconds=1500)
FIRST = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"
SECOND = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c12"


def test_a_step_that_is_over_is_recorded_with_everything_told(tracer, double):
    with tracer.run() as run:
        run.record_step("tool", "book", START, END, step_id=FIRST, failure={"code": "no_seats", "failure_id": SECOND})
        run.record_step(
            "tool",
            "book",
            START,
            END,
            step_id=SECOND,
            attempt=2,
            retry_of_step_id=FIRST,
            parent_step_id=FIRST,
            sequence=7,
            tool_call_id="call-1",
            attributes={"rows": 2},
        )

    first, second = double.steps
    (failure,) = double.failures
    assert (first.step_id, first.status) == (FIRST, step_pb2.STEP_STATUS_ERROR)
    assert (failure.failure_id, failure.step_id, failure.code) == (SECOND, FIRST, "no_seats")
    assert (failure.type, failure.occur_time.ToDatetime(dt.UTC)) == (failure_pb2.FAILURE_TYPE_TOOL, END)
    assert (second.start_time.ToDatetime(dt.UTC), second.end_time.ToDatetime(dt.UTC)) == (START, END)
    assert (second.attempt, second.retry_of_step_id, second.parent_step_id) == (2, FIRST, FIRST)
    assert (second.sequence, second.tool.call_id, second.attributes["rows"].int_value) == (7, "call-1", 2)
    assert double.end.expected_step_count == 2
    assert run.status == "success"


@pytest.mark.parametrize(
    "told",
    [
        {"step_id": "42"},
        {"attempt": 2},
        {"retry_of_step_id": FIRST},
        {"attempt": 0},
        {"sequence": -1},
        {"failure": {"code": "x", "caused_by_failure_id": "y"}},
    ],
)
def test_a_step_told_wrong_is_refused_and_not_recorded(tracer, double, told):
    with tracer.run() as run, pytest.raises(agenttrace.InvalidValueError):
        run.record_step("tool", "book", START, END, **told)

    assert not double.steps


def test_an_end_before_the_start_is_refused(tracer):
    with tracer.run() as run, pytest.raises(agenttrace.InvalidValueError):
        run.record_step("tool", "book", END, START)


def test_the_same_told_twice_is_the_same_on_the_wire(tracer, double):
    for _ in range(2):
        run = tracer.run(run_id=FIRST, start_time=START).start()
        run.record_step("tool", "book", START, END, step_id=SECOND)
        run.end("success", end_time=END)

    once, again = double.steps
    assert once == again
    assert double.runs[:2] == double.runs[2:]
