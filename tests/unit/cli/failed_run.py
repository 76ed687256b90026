"""A run that failed: nested steps, a retry that helped, one that did not, a missing step."""

from __future__ import annotations

import datetime as dt

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace.v1 import query_service_pb2 as query

RUN_ID = "01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11"
START = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)


def step_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def step(number, kind, name, start, end, **facts):
    made = step_pb2.Step(
        run_id=RUN_ID,
        step_id=step_id(number),
        sequence=number,
        type=kind,
        name=name,
        status=step_pb2.STEP_STATUS_OK,
        **facts,
    )
    made.start_time.FromDatetime(START + dt.timedelta(seconds=start))
    made.end_time.FromDatetime(START + dt.timedelta(seconds=end))
    return made


def failed(made):
    made.status = step_pb2.STEP_STATUS_ERROR
    return made


def failure(number, of_step, code, **facts):
    made = failure_pb2.FailureDetail(
        failure=failure_pb2.Failure(
            failure_id=step_id(100 + number),
            run_id=RUN_ID,
            step_id=step_id(of_step),
            type=failure_pb2.FAILURE_TYPE_TOOL,
            code=code,
        ),
        **facts,
    )
    made.failure.occur_time.FromDatetime(START + dt.timedelta(seconds=number))
    return made


def summary():
    run = run_pb2.Run(
        run_id=RUN_ID,
        agent_id="support",
        agent_version="1.4.0",
        environment="demo",
        status=run_pb2.RUN_STATUS_FAILURE,
        session_id="s-42",
        tags=["vip"],
        expected_step_count=8,
    )
    run.start_time.FromDatetime(START)
    run.end_time.FromDatetime(START + dt.timedelta(seconds=8))
    return run_pb2.RunSummary(
        run=run,
        step_count=7,
        failed_step_count=3,
        retry_count=2,
        failure_count=3,
        failure_codes=["timeout"],
        input_tokens=1203,
        output_tokens=210,
        cost_micro_usd=4200,
    )


def detail():
    first, second = step_id(2), step_id(5)
    steps = [
        step(0, step_pb2.STEP_TYPE_PLAN, "classify", 0, 1),
        step(1, step_pb2.STEP_TYPE_MODEL, "choose_tools", 0.2, 0.9, parent_step_id=step_id(0)),
        failed(step(2, step_pb2.STEP_TYPE_TOOL, "find_order", 1, 2, attempt=1)),
        step(3, step_pb2.STEP_TYPE_TOOL, "find_order", 2, 3, attempt=2, retry_of_step_id=first),
        failed(step(5, step_pb2.STEP_TYPE_TOOL, "refund_" + "x" * 60, 4, 5, attempt=1)),
        failed(step(6, step_pb2.STEP_TYPE_TOOL, "refund_" + "x" * 60, 5, 6, attempt=2, retry_of_step_id=second)),
        step(7, step_pb2.STEP_TYPE_RESPOND, "apologise", 7, 8),
    ]
    steps[1].model.request_model = "gpt-4o"
    steps[1].model.usage.input_tokens = 1203
    steps[1].model.usage.output_tokens = 210
    failures = [
        failure(1, 2, "not_found", recovered=True, step_name="find_order", attempt=1),
        failure(2, 5, "timeout", step_name="refund", attempt=1),
        failure(3, 6, "timeout", root=True, step_name="refund", attempt=2),
    ]
    failures[2].failure.exception_type = "httpx.ReadTimeout"
    failures[2].failure.caused_by_failure_id = step_id(102)
    completeness = query.RunCompleteness(expected_step_count=8, missing_step_count=1)
    return query.GetRunResponse(run=summary(), failures=failures, steps=steps, completeness=completeness)
