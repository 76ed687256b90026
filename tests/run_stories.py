"""Runs whose pages are hard to draw: nested and retried, of thousands of steps, of sixty levels."""

from __future__ import annotations

from typing import Any

from agenttrace.v1 import failure_pb2, ingest_service_pb2, run_pb2, step_pb2
from fix_server import Services
from items import at, failure, new_id, run, step

OK, ERROR = step_pb2.STEP_STATUS_OK, step_pb2.STEP_STATUS_ERROR
TYPES = {name.removeprefix("STEP_TYPE_").lower(): number for name, number in step_pb2.StepType.items()}
FAILURES = {name.removeprefix("FAILURE_TYPE_").lower(): number for name, number in failure_pb2.FailureType.items()}


class Story:
    """A run that is told step by step; times are seconds after its start, which is `begin` after that of all tests."""

    def __init__(self, agent: str = "planner", begin: float = 0.0, **facts: Any) -> None:
        self._begin = begin
        self.run = run(new_id(), agent_id=agent, start_time=at(begin), **facts)
        self.steps: list[step_pb2.Step] = []
        self.failures: list[failure_pb2.Failure] = []

    def step(
        self, kind: str, name: str, start: float, end: float, parent: step_pb2.Step | None = None, **facts: Any
    ) -> step_pb2.Step:
        """Add a step that went well."""
        given = {"sequence": len(self.steps), "attempt": 1, "type": TYPES[kind], "name": name, "status": OK}
        times = {"start_time": at(self._begin + start), "end_time": at(self._begin + end)}
        above = {"parent_step_id": parent.step_id} if parent else {}
        self.steps.append(step(self.run.run_id, **{**given, **times, **above, **facts}))
        return self.steps[-1]

    def fail(self, failed: step_pb2.Step, kind: str, code: str, **facts: Any) -> failure_pb2.Failure:
        """Make a step an error with a failure."""
        failed.status = ERROR
        given = {"step_id": failed.step_id, "type": FAILURES[kind], "code": code, "occur_time": failed.end_time}
        self.failures.append(failure(self.run.run_id, **{**given, **facts}))
        return self.failures[-1]

    def end(self, status: str, after: float, missing: int = 0) -> Story:
        """End the run."""
        self.run.status = run_pb2.RunStatus.Value(f"RUN_STATUS_{status}")
        self.run.end_time.CopyFrom(at(self._begin + after))
        self.run.expected_step_count = len(self.steps) + missing
        return self

    def record(self, services: Services) -> str:
        """Send it; return the run's id."""
        for first in range(0, max(1, len(self.steps)), 900):
            batch = ingest_service_pb2.RecordBatchRequest(steps=self.steps[first : first + 900])
            if first == 0:
                batch.runs.append(self.run)
                batch.failures.extend(self.failures)
            answer = services.ingest.RecordBatch(batch)
            assert not answer.rejections, answer
        return self.run.run_id


def failed(begin: float = 0.0) -> Story:
    """Retries that helped and one that did not, a failure that led to two others, a missing step."""
    story = Story("trip-planner", begin, agent_version="2.3.0", session_id="booking-7781", tags=["eu"])
    story.step("plan", "plan_trip", 0.1, 2.3)
    agent = story.step("handoff", "flight_agent", 2.8, 11.4)
    first = story.step("tool", "search_flights", 3.0, 3.8, agent)
    story.fail(first, "tool", "rate_limited", retryable=True)
    story.step("tool", "search_flights", 4.0, 4.8, agent, attempt=2, retry_of_step_id=first.step_id)
    model = story.step("model", "rank_offers", 5.0, 6.0, agent)
    model.model.request_model, model.model.cost_micro_usd = "gpt-4o", 14_895
    model.model.usage.input_tokens, model.model.usage.output_tokens = 4_406, 388
    booking = story.step("tool", "confirm_offer", 7.0, 11.0, agent)
    call = story.step("tool", "POST_/v2/offers/confirm", 7.1, 8.1, booking)
    root = story.fail(call, "tool", "timeout", exception_type="httpx.ReadTimeout", http_status=504)
    again = story.step("tool", "POST_/v2/offers/confirm", 8.4, 9.4, booking, attempt=2, retry_of_step_id=call.step_id)
    last = story.fail(again, "tool", "timeout")
    led_to = story.fail(booking, "tool", "tool_error", caused_by_failure_id=last.failure_id)
    story.fail(agent, "orchestration", "subagent_failed", caused_by_failure_id=led_to.failure_id)
    story.step("respond", "apologise", 11.5, 12.6, sequence=len(story.steps) + 1)
    assert root.failure_id
    return story.end("FAILURE", 12.7, missing=1)


def long(begin: float = 0.0, steps: int = 2_000) -> Story:
    """Thousands of steps with long names, which fails near its end."""
    story = Story("batch-indexer", begin, agent_version="3.1.0")
    name = "index_documents_of_the_quarterly_report_archive_in_the_second_region"
    while len(story.steps) < steps - 10:
        start = len(story.steps) * 0.1
        parent = story.step("plan", f"{name}.{len(story.steps)}", start, start + 0.95)
        for number in range(9):
            story.step(
                ["tool", "model", "retrieve"][number % 3],
                f"{name}-{number}",
                start + 0.1 * number,
                start + 0.1 * number + 0.08,
                parent,
            )
    end = len(story.steps) * 0.1
    story.fail(story.step("tool", "write_index", end, end + 0.8), "tool", "connection_failed")
    while len(story.steps) < steps:
        story.step("respond", "note", end + 1, end + 1.1)
    return story.end("FAILURE", end + 2)


def deep(begin: float = 0.0, levels: int = 60) -> Story:
    """Every step nested in the one before; the innermost fails."""
    story = Story("recursive-planner", begin)
    inner: step_pb2.Step | None = None
    for level in range(levels):
        inner = story.step("plan", f"level_{level + 1}", level * 0.1, 20 - level * 0.1, inner)
    assert inner is not None
    story.fail(inner, "model", "context_length_exceeded")
    return story.end("FAILURE", 21)
