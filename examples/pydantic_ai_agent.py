"""A pydantic-ai agent, recorded; its model is a script, so no network and no key are needed.

Two questions: one whose model is refused once, that looks two things up in parallel, asks another agent
and answers; one whose tool fails. With a real model only `scripted()` changes. Start a server first
(`agenttrace-server up`), and `pip install pydantic-ai-slim`, then:

    python examples/pydantic_ai_agent.py
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence

from pydantic_ai import Agent, ModelHTTPError, ModelRetry
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

import agenttrace


class RecordedModel(WrapperModel):
    """Any model of pydantic-ai: each request is a step, tried again where the provider is too busy."""

    async def request(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        """Ask the model."""
        run = agenttrace.current_run()
        assert run is not None
        async for attempt in run.attempts("model", "request", retry_on=ModelHTTPError, max_attempts=2):
            async with attempt as step:
                step.tell(model=self.model_name, provider=self.system)
                response = await super().request(messages, settings, parameters)
                step.usage(input_tokens=response.usage.input_tokens, output_tokens=response.usage.output_tokens)
                step.tell(finish_reason=response.finish_reason or "")
        return response


def scripted(*answers: ModelResponse | Exception) -> Model:
    """Return a recorded model that answers so, one after the other."""
    coming: Iterator[ModelResponse | Exception] = iter(answers)

    def answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        said = next(coming)
        if isinstance(said, Exception):
            raise said
        return said

    return RecordedModel(FunctionModel(answer, model_name="scripted"))


def calls(*tools: ToolCallPart) -> ModelResponse:
    """Return an answer that calls tools."""
    return ModelResponse(parts=list(tools))


def says(text: str) -> ModelResponse:
    """Return an answer in words."""
    return ModelResponse(parts=[TextPart(text)])


async def find_order(number: int) -> str:
    """Return where an order is. The model is told to try again where there is none."""
    await asyncio.sleep(0.02)
    if number > 1000:
        raise ModelRetry("there is no such order: the number has at most three digits")
    return "shipped"


async def carrier_delay(number: int) -> int:
    """Return how many days late the carrier is."""
    await asyncio.sleep(0.03)
    return number % 3


def refund(number: int) -> str:
    """Pay an order back."""
    raise PermissionError(f"order {number} needs a supervisor")


async def ask_policy(question: str) -> str:
    """Ask the agent that knows the policies: a run of its own, started by this one."""
    model = scripted(says("parcels that are two days late are paid back"))
    with agenttrace.step("handoff", "policy-expert"), POLICY.run():
        return (await Agent(model, name="policy-expert").run(question)).output


SUPPORT = agenttrace.Tracer(agent_id="pydantic-ai-support", agent_version="2.0.0", environment="demo")
POLICY = agenttrace.Tracer(
    agent_id="pydantic-ai-policy", agent_version="1.1.0", environment="demo", exporter=SUPPORT.exporter
)
# A call after a failed one is what pydantic-ai makes of ModelRetry: the next attempt.
TOOLS: Sequence[Callable[..., object]] = [
    agenttrace.wrap(find_order, retries=True),
    agenttrace.wrap(carrier_delay),
    agenttrace.wrap(refund),
    ask_policy,
]


async def late_parcel() -> str:
    """Handle a question that is answered in the end."""
    model = scripted(
        ModelHTTPError(429, "scripted"),
        calls(ToolCallPart("find_order", {"number": 4711}), ToolCallPart("carrier_delay", {"number": 471})),
        calls(ToolCallPart("find_order", {"number": 471})),
        calls(ToolCallPart("ask_policy", {"question": "is a late parcel paid back?"})),
        says("your parcel is late; we pay it back"),
    )
    async with SUPPORT.run(session_id="late-parcel"):
        answer = await Agent(model, tools=TOOLS).run("where is my order 4711?")
        with agenttrace.step("respond", "answer"):
            return answer.output


async def big_refund() -> None:
    """Handle a question whose tool fails: the exception goes through the framework and the run."""
    model = scripted(calls(ToolCallPart("refund", {"number": 12})))
    async with SUPPORT.run(session_id="big-refund"):
        await Agent(model, tools=TOOLS).run("I want my money back")


async def main() -> int:
    """Handle both questions and say what was recorded."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(await late_parcel())
    try:
        await big_refund()
    except PermissionError:
        print("the refund failed, and the run says why")
    receipt = SUPPORT.close(timeout_seconds=10)
    print(f"{receipt.accepted} items stored; look at them: agenttrace runs --agent pydantic-ai-support")
    return 0 if receipt.complete else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
