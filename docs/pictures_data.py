"""The runs in the pictures of the command line: every case that is hard to draw."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

from agenttrace.ids import new_id, uuid_text
from agenttrace.v1 import failure_pb2, ingest_service_pb2, run_pb2, step_pb2

_OK, _ERROR = step_pb2.STEP_STATUS_OK, step_pb2.STEP_STATUS_ERROR
_TYPES = {name.removeprefix("STEP_TYPE_").lower(): number for name, number in step_pb2.StepType.items()}
_FAILURES = {name.removeprefix("FAILURE_TYPE_").lower(): number for name, number in failure_pb2.FailureType.items()}


class Story:
    """One run as it is told step by step; times are seconds after its start."""

    def __init__(self, agent: str, version: str, start: dt.datetime, **facts: Any) -> None:
        time.sleep(0.002)  # ids of the same millisecond begin alike
        self.batch = ingest_service_pb2.RecordBatchRequest()
        self.run = self.batch.runs.add(run_id=uuid_text(new_id()), agent_id=agent, agent_version=version, **facts)
        self._start = start
        self.run.start_time.FromDatetime(start)
        self.run.status = run_pb2.RUN_STATUS_RUNNING
        self.run.lease_duration.FromSeconds(300)

    def step(self, kind: str, name: str, start: float, seconds: float, parent: Any = None, **facts: Any) -> Any:
        """Add a step that went well; `tokens`, `cents` and `of` (the first attempt) may be told."""
        step = self.batch.steps.add(
            run_id=self.run.run_id,
            step_id=str(uuid.uuid4()),
            parent_step_id=parent.step_id if parent else "",
            sequence=facts.pop("sequence", len(self.batch.steps)),
            type=_TYPES[kind],
            name=name,
            status=_OK,
            attempt=facts.pop("attempt", 1),
        )
        if "of" in facts:
            step.retry_of_step_id = facts.pop("of").step_id
        if "tokens" in facts:
            usage = step.model.usage
            usage.input_tokens, usage.output_tokens = facts.pop("tokens")
            step.model.request_model, step.model.cost_micro_usd = facts.pop("model", "gpt-4o"), facts.pop("cost", 0)
        if "found" in facts:
            step.retrieval.source, step.retrieval.result_count = facts.pop("found")
        step.start_time.FromDatetime(self._at(start))
        step.end_time.FromDatetime(self._at(start + seconds))
        return step

    def fail(self, step: Any, kind: str, code: str, cause: Any = None, **facts: Any) -> Any:
        """Make a step an error with a failure."""
        step.status = _ERROR
        failure = self.batch.failures.add(
            failure_id=str(uuid.uuid4()),
            run_id=self.run.run_id,
            step_id=step.step_id,
            type=_FAILURES[kind],
            code=code,
            caused_by_failure_id=cause.failure_id if cause else "",
            **facts,
        )
        failure.occur_time.CopyFrom(step.end_time)
        return failure

    def attempts(self, count: int, kind: str, name: str, start: float, seconds: float, **facts: Any) -> list[Any]:
        """Add attempts one after the other; all but the last fail with `code`, the last as well unless `helped`."""
        code, helped = facts.pop("code"), facts.pop("helped", False)
        made: list[Any] = []
        for number in range(1, count + 1):
            first = {"of": made[0]} if made else {}
            step = self.step(kind, name, start, seconds, attempt=number, **first, **facts)
            made.append(step)
            start += seconds * 1.3
            if number < count or not helped:
                self.fail(step, "tool" if kind == "tool" else "model", code, retryable=True)
        return made

    def end(self, status: str, seconds: float, missing: int = 0) -> str:
        """End the run; return its id."""
        self.run.status = getattr(run_pb2, f"RUN_STATUS_{status}")
        self.run.end_time.FromDatetime(self._at(seconds))
        self.run.expected_step_count = len(self.batch.steps) + missing
        return self.run.run_id

    def go_on(self, seconds: float) -> str:
        """Leave the run open, last heard of then; return its id."""
        self.run.heartbeat_time.FromDatetime(self._at(seconds))
        return self.run.run_id

    def _at(self, seconds: float) -> dt.datetime:
        return self._start + dt.timedelta(seconds=seconds)


def failed(start: dt.datetime) -> Story:
    """Nested agents, retries that helped and one that did not, a failure that led to others, a missing step."""
    story = Story(
        "trip-planner", "2.3.0", start, environment="production", session_id="booking-7781", tags=["eu", "vip"]
    )
    story.step("guardrail", "check_request", 0, 0.08)
    plan = story.step("plan", "plan_trip", 0.1, 2.2)
    story.step("model", "choose_route", 0.2, 1.9, plan, tokens=(1_812, 240), cost=6_930)
    story.step("retrieve", "travel_policy", 2.4, 0.3, found=("policies-2026", 4))
    agent = story.step("handoff", "flight_agent", 2.8, 8.6)
    inner = story.step("plan", "find_connections", 2.9, 8.3, agent)
    story.attempts(3, "tool", "search_flights", 3.0, 0.8, parent=inner, code="timeout", helped=True)
    story.step("model", "rank_offers", 6.2, 1.1, inner, tokens=(4_406, 388), cost=14_895)
    booking = story.step("tool", "airline-gateway.price_and_confirm_availability.v2", 7.5, 3.5, inner)
    story.attempts(2, "tool", "POST_/v2/offers/confirm", 7.6, 1.2, parent=booking, code="timeout")
    first, cause = story.batch.failures[-2:]
    for failure in (first, cause):
        failure.exception_type, failure.http_status = "httpx.ReadTimeout", 504
    story.fail(booking, "tool", "timeout", cause, exception_type="httpx.ReadTimeout")
    last = story.batch.failures[-1]
    story.fail(agent, "orchestration", "subagent_failed", last, exception_type="trips.SubAgentError")
    story.step("respond", "apologise", 11.5, 1.1, tokens=(902, 64), cost=2_895, sequence=len(story.batch.steps) + 1)
    story.end("FAILURE", 12.7, missing=1)
    return story


def persistent(start: dt.datetime) -> Story:
    """Many attempts, two pieces of work at once, and deep nesting."""
    story = Story("code-reviewer", "0.9.1", start, environment="staging")
    story.step("plan", "read_change", 0, 0.6)
    files = [story.step("tool", f"review_file_{number}", 0.7, 5.5 + number) for number in (1, 2)]
    for number, file in enumerate(files):
        story.attempts(
            14, "model", "ask_reviewer", 0.8 + number * 0.2, 0.28, parent=file, code="rate_limited", helped=True,
            tokens=(2_100, 300), model="claude-sonnet", cost=10_800,
        )  # fmt: skip
    parent = files[0]
    for depth in range(1, 12):
        parent = story.step("tool", f"descend_{depth}", 5.0 + depth * 0.08, 1.0 - depth * 0.06, parent)
    story.step("respond", "summarise", 8.0, 0.9, tokens=(3_300, 512), model="claude-sonnet", cost=17_580)
    story.end("SUCCESS", 9.0)
    return story


def running(start: dt.datetime) -> Story:
    """A run that goes on."""
    story = Story("trip-planner", "2.4.0-rc1", start, environment="production", session_id="booking-7790")
    plan = story.step("plan", "plan_trip", 0, 3.0)
    story.step("model", "choose_route", 0.1, 2.7, plan, tokens=(1_640, 198), cost=6_080)
    story.step("retrieve", "travel_policy", 3.2, 0.4, found=("policies-2026", 0))
    story.go_on(14.0)
    return story


def silent(start: dt.datetime) -> Story:
    """A run of which nothing but its start is known."""
    story = Story("nightly-report", "1.0.0", start)
    story.go_on(1.0)
    return story
