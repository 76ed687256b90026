"""What is said of a step in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.cli import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.v1.step_pb2 import Step


def length(step: Step) -> str:
    """Return how long a step took."""
    return wording.length(wording.seconds(step.end_time) - wording.seconds(step.start_time))


def short(step: Step) -> str:
    """Return its tokens, cost and model, or what it found; the most telling first."""
    return " ".join(_facts(step))


def _facts(step: Step) -> Iterator[str]:
    usage = step.model.usage
    if usage.HasField("input_tokens") or usage.HasField("output_tokens"):
        yield f"{usage.input_tokens:,}→{usage.output_tokens:,}"
    if step.model.HasField("cost_micro_usd"):
        yield wording.dollars(step.model.cost_micro_usd)
    model = step.model.response_model or step.model.request_model
    if model:
        yield model
    if step.retrieval.HasField("result_count"):
        yield f"{wording.count(step.retrieval.result_count, 'record')} {step.retrieval.source}".rstrip()
    if step.tool.name and step.tool.name != step.name:
        yield step.tool.name
