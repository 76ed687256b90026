"""What is known of a step: in a few words for its row, and all of it for who looks at it closely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agenttrace.showing.few_words import step_facts
from agenttrace.showing.wording import dollars, length, seconds, step_status_word, step_type_word
from agenttrace.v1 import step_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.v1.run_pb2 import AttributeValue
    from agenttrace.v1.step_pb2 import Step, Usage
    from agenttrace_server.console.waterfall import Attempt, Row, Timeline

Fact = tuple[str, str]
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_CACHED = {
    step_pb2.INPUT_TOKEN_SEMANTICS_INCLUDES_CACHED: "cached ones included",
    step_pb2.INPUT_TOKEN_SEMANTICS_EXCLUDES_CACHED: "cached ones not included",
}


@dataclass(frozen=True, slots=True)
class StepDetails:
    """One step, looked at closely.

    Attributes:
        row: The row that it is in, with the other attempts.
        attempt: The step.
        facts: What is known of it, as (name, value).
        above: The rows that it is nested in, the outermost first.
        previous: The step of the row above, empty for the first.
        following: The step of the row below, empty for the last.
    """

    row: Row
    attempt: Attempt
    facts: Sequence[Fact]
    above: Sequence[Row]
    previous: str
    following: str


def details(timeline: Timeline, step_id: str) -> StepDetails | None:
    """Return what is known of a step; None where the run has no such step."""
    place = timeline.row_of(step_id)
    if place is None:
        return None
    row = timeline.rows[place]
    attempt = next(attempt for attempt in row.attempts if attempt.step.step_id == step_id)
    facts = [*_times(attempt, timeline), *_model(attempt.step), *_other(attempt.step)]
    return StepDetails(row, attempt, facts, _above(row), *_beside(timeline, place))


def short(step: Step) -> str:
    """Return its tokens, cost and model, or what it found; the most telling first."""
    return " · ".join(step_facts(step, " → "))


def attribute(value: AttributeValue) -> str:
    """Return the value of an attribute as text."""
    kind = value.WhichOneof("value")
    told = getattr(value, kind) if kind else ""
    return str(told).lower() if isinstance(told, bool) else str(told)


def _times(attempt: Attempt, timeline: Timeline) -> Iterator[Fact]:
    step = attempt.step
    yield "Type", step_type_word(step.type)
    yield "Status", step_status_word(step.status)
    yield "Began", f"{length(attempt.start)} after the start"
    took = attempt.end - attempt.start
    share = f", {100 * took / timeline.seconds:.1f} % of the run" if timeline.seconds else ""
    yield "Took", f"{length(took)}{share}"
    if took and attempt.self_seconds < took:
        yield "Itself", f"{length(attempt.self_seconds)}; in the rest, steps nested in it were at work"
    critical = sum(end - start for start, end in attempt.critical)
    if critical:
        yield "Critical path", f"{length(critical)} of the run's time is its own"


def _model(step: Step) -> Iterator[Fact]:
    model = step.model
    yield from _told(("Provider", model.provider), ("Model asked for", model.request_model))
    yield from _told(("Model that answered", model.response_model), ("Ended because", model.finish_reason))
    yield from _usage(model.usage)
    if model.HasField("time_to_first_token"):
        yield "First token after", length(seconds(model.time_to_first_token))
    if model.HasField("cost_micro_usd"):
        yield "Cost", dollars(model.cost_micro_usd)


def _usage(usage: Usage) -> Iterator[Fact]:
    for name in _TOKENS:
        if usage.HasField(name):
            told = f"{getattr(usage, name):,}"
            cached = _CACHED.get(usage.input_token_semantics, "") if name == "input_tokens" else ""
            yield name.replace("_", " ").capitalize(), f"{told} ({cached})" if cached else told


def _other(step: Step) -> Iterator[Fact]:
    yield from _told(("Tool", step.tool.name), ("Call id", step.tool.call_id), ("Source", step.retrieval.source))
    if step.retrieval.HasField("result_count"):
        yield "Results", f"{step.retrieval.result_count:,}"
    for key in sorted(step.attributes):
        yield key, attribute(step.attributes[key])
    yield "Place in the run", str(step.sequence)
    yield "Step id", step.step_id


def _told(*facts: Fact) -> Iterator[Fact]:
    return (fact for fact in facts if fact[1])


def _above(row: Row) -> list[Row]:
    above: list[Row] = []
    while row.within is not None:
        row = row.within
        above.insert(0, row)
    return above


def _beside(timeline: Timeline, place: int) -> tuple[str, str]:
    steps = [row.attempts[-1].step.step_id if row.attempts else "" for row in timeline.rows]
    before = next((step for step in reversed(steps[:place]) if step), "")
    return before, next((step for step in steps[place + 1 :] if step), "")
