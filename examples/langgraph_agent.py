"""A LangGraph agent, recorded; its chat model is a fake, so no network and no key are needed.

A graph of two nodes, the model and its tools, as `create_react_agent` builds it. Two questions: one whose
model is refused once, that calls two tools in parallel threads, one of which asks another graph, and
answers; one whose tool fails. Start a server first (`agenttrace-server up`), and `pip install langgraph`,
then:

    python examples/langgraph_agent.py
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import RetryPolicy

import agenttrace

TRACER = agenttrace.Tracer(agent_id="langgraph-support", agent_version="3.0.0", environment="demo")
CATALOGUE = agenttrace.Tracer(
    agent_id="langgraph-catalogue", agent_version="1.0.0", environment="demo", exporter=TRACER.exporter
)


class TooBusyError(Exception):
    """The provider refuses for too many requests. Its status is what tells the code of the failure."""

    status_code = 429


class FakeModel(FakeMessagesListChatModel):
    """Answers what it was given, one after the other; the first so many calls are refused."""

    refusals: int = 0

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **settings: Any,
    ) -> ChatResult:
        if self.refusals:
            self.refusals -= 1
            raise TooBusyError
        return super()._generate(messages, stop, run_manager, **settings)


def calls(*named: str) -> AIMessage:
    """Return an answer that calls tools, each for order 471."""
    made = [tool_call(name=name, args={"number": 471}, id=f"call-{name}") for name in named]
    return AIMessage(
        "", tool_calls=made, usage_metadata=UsageMetadata(input_tokens=90, output_tokens=12, total_tokens=102)
    )


def says(text: str) -> AIMessage:
    """Return an answer in words."""
    return AIMessage(text, usage_metadata=UsageMetadata(input_tokens=120, output_tokens=30, total_tokens=150))


def find_order(number: int) -> str:
    """Return where an order is."""
    time.sleep(0.03)
    return f"order {number} is on its way"


def similar_products(number: int) -> str:
    """Ask the graph that knows the catalogue: a run of its own, started by this one."""
    with agenttrace.step("handoff", "catalogue"), CATALOGUE.run():
        return ask(FakeModel(responses=[says("a red one and a blue one")]), f"what is like order {number}?")


def refund(number: int) -> str:
    """Pay an order back."""
    raise PermissionError(f"order {number} needs a supervisor")


TOOLS = [agenttrace.wrap(find_order), similar_products, agenttrace.wrap(refund)]


def ask(model: FakeModel, question: str) -> str:
    """Run the graph on a question; every call of its model and of its tools is a step."""

    def call_model(state: MessagesState) -> dict[str, list[BaseMessage]]:
        answer = model.invoke(state["messages"])
        used = answer.usage_metadata or UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)
        agenttrace.current_step().usage(input_tokens=used["input_tokens"], output_tokens=used["output_tokens"])
        return {"messages": [answer]}

    builder = StateGraph(MessagesState)
    # The graph calls a node again that fails: with `retries` the calls are attempts at the same work.
    recorded = agenttrace.wrap(call_model, type="model", retries=True, model="fake", provider="langchain")
    policy = RetryPolicy(initial_interval=0.01, jitter=False, max_attempts=3, retry_on=TooBusyError)
    builder.add_node("call_model", recorded, retry_policy=policy)
    builder.add_node("tools", ToolNode(TOOLS, handle_tool_errors=False))
    builder.add_edge(START, "call_model")
    builder.add_conditional_edges("call_model", tools_condition)
    builder.add_edge("tools", "call_model")
    state = builder.compile().invoke({"messages": [HumanMessage(question)]})
    return str(state["messages"][-1].content)


def late_parcel() -> str:
    """Handle a question that is answered in the end."""
    answers: list[BaseMessage] = [calls("find_order", "similar_products"), says("it is on its way")]
    with TRACER.run(session_id="late-parcel") as run:
        answer = ask(FakeModel(responses=answers, refusals=1), "where is my order 471?")
        with run.step("respond", "answer"):
            return answer


def big_refund() -> None:
    """Handle a question whose tool fails: the exception goes through the graph and the run."""
    with TRACER.run(session_id="big-refund"):
        ask(FakeModel(responses=[calls("refund")]), "I want my money back")


def main() -> int:
    """Handle both questions and say what was recorded."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(late_parcel())
    try:
        big_refund()
    except PermissionError:
        print("the refund failed, and the run says why")
    receipt = TRACER.close(timeout_seconds=10)
    print(f"{receipt.accepted} items stored; look at them: agenttrace runs --agent langgraph-support")
    return 0 if receipt.complete else 1


if __name__ == "__main__":
    sys.exit(main())
