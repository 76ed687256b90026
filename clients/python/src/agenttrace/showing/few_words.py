"""What is said of a step or a failure in a few words, each fact on its own; the most telling first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.showing.wording import counted, dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.v1.failure_pb2 import Failure
    from agenttrace.v1.step_pb2 import Step


def step_facts(step: Step, arrow: str = "→") -> Iterator[str]:
    """Yield a step's tokens, cost and model, or what it found. `arrow`: stands between tokens in and out."""
    usage = step.model.usage
    if usage.HasField("input_tokens") or usage.HasField("output_tokens"):
        yield f"{usage.input_tokens:,}{arrow}{usage.output_tokens:,}"
    if step.model.HasField("cost_micro_usd"):
        yield dollars(step.model.cost_micro_usd)
    model = step.model.response_model or step.model.request_model
    if model:
        yield model
    if step.retrieval.HasField("result_count"):
        yield f"{counted(step.retrieval.result_count, 'record')} {step.retrieval.source}".rstrip()
    if step.tool.name and step.tool.name != step.name:
        yield step.tool.name


def failure_facts(failure: Failure) -> Iterator[str]:
    """Yield what is known of a failure beside its code."""
    if failure.exception_type:
        yield f"exception {failure.exception_type}"
    if failure.HasField("http_status"):
        yield f"HTTP status {failure.http_status}"
    if failure.HasField("grpc_status"):
        yield f"gRPC status {failure.grpc_status}"
    if failure.HasField("retryable"):
        yield "a retry could help" if failure.retryable else "a retry cannot help"
