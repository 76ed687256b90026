"""A customer-support agent, recorded from end to end; no network and no language model needed.

It plans, looks its help articles up, calls tools that really run - a database, a carrier that is
sometimes too slow, a refund that needs a supervisor - tries again, and answers. Some runs end
partial or in failure, as in life. Half-way a new version of it takes over, which asks a slow
carrier again. Start a server first (`agenttrace-server up`), then:

    python examples/customer_support_agent.py --runs 12

`supervisor_needed` is a failure code of its own; what people read beside it is theirs to say:

    agenttrace-server codes import examples/customer_support_codes.json
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import agenttrace

ARTICLES = {
    "refund-policy": "refunds are made within thirty days of delivery to the original payment method",
    "shipping-times": "parcels ship within two days and arrive within five days of the order",
    "lost-parcel": "a parcel is lost when its tracking has not moved for ten days",
    "change-address": "an address can be changed until the parcel has left the warehouse",
    "warranty": "devices carry a warranty of two years against defects",
}
ORDERS = [(1000 + number, ("shipped", "delivered", "processing")[number % 3], 19 + 17 * number) for number in range(12)]
QUESTIONS = [
    ("refund", "how long do refunds take to the payment method"),
    ("delivery", "when will my parcel arrive after the order"),
    ("lost", "tracking of the parcel has not moved for days"),
    ("cancel", "xylophone subscription"),
]
CARRIER_LIMIT_SECONDS = 0.08
# How often each version of the agent asks the carrier.
VERSIONS = {"1.3.0": 1, "1.4.0": 3}


class SupervisorNeededError(Exception):
    """A refund is above what the agent may grant by itself."""


class OrderNotFoundError(LookupError):
    """No order has this number."""


@dataclass(frozen=True)
class Ticket:
    """What a customer wants. Its text stays in this process: only tokens and numbers are recorded."""

    number: int
    intent: str
    question: str
    order: int


class SupportAgent:
    """Answers tickets; every decision and action of it is a step."""

    def __init__(self, tracer: agenttrace.Tracer, dice: random.Random, carrier_attempts: int) -> None:
        self.tracer = tracer
        self._dice = dice
        self._carrier_attempts = carrier_attempts
        self._carrier = ThreadPoolExecutor(max_workers=4)
        self._orders = sqlite3.connect(":memory:")
        self._orders.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, state TEXT, price INTEGER)")
        self._orders.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)

    def handle(self, ticket: Ticket) -> agenttrace.Run:
        """Work on one ticket; return the recorded run."""
        run = self.tracer.run(session_id=f"ticket-{ticket.number}", tags=["example", ticket.intent])
        try:
            with run:
                self.plan(ticket)
                self.look_up(ticket)
                state = self.find_order(ticket)
                if ticket.intent == "refund":
                    self.refund(ticket)
                elif state == "shipped":
                    self.shipping_status()
                self.respond(ticket)
        except SupervisorNeededError:
            pass  # the run has failed, and says why; the agent goes on with the next ticket
        return run

    @agenttrace.step("plan", "classify_ticket")
    def plan(self, ticket: Ticket) -> None:
        """Decide what to do."""
        with agenttrace.step("model", "choose_tools", model="rules-1", provider="example") as step:
            time.sleep(self._dice.uniform(0.005, 0.02))
            step.usage(input_tokens=80 + len(ticket.question), output_tokens=self._dice.randint(8, 24))
            step.cost_micro_usd = 90

    def look_up(self, ticket: Ticket) -> None:
        """Find help articles that share words with the question."""
        with agenttrace.step("retrieve", "search_articles") as step:
            words = {word for word in ticket.question.split() if len(word) > 3}
            scores = {name: len(words.intersection(text.split())) for name, text in ARTICLES.items()}
            found = [name for name, score in scores.items() if score]
            step.retrieval(source="help_articles", result_count=len(found)).set(best_score=max(scores.values()))
            if not found:
                step.fail("empty_retrieval")  # it can still answer, but not well: the run ends partial

    def find_order(self, ticket: Ticket) -> str:
        """Look the order up in the database; ask again for the number once if it is wrong."""
        number = ticket.order
        run = agenttrace.current_run()
        assert run is not None
        for attempt in run.attempts("tool", "find_order", retry_on=OrderNotFoundError, max_attempts=2):
            with attempt as step:
                row = self._orders.execute("SELECT state FROM orders WHERE number = ?", (number,)).fetchone()
                step.set(rows=0 if row is None else 1)
                if row is None:
                    number = ORDERS[ticket.number % len(ORDERS)][0]
                    raise OrderNotFoundError
                state = str(row[0])
        return state

    def shipping_status(self) -> None:
        """Ask the carrier, which is sometimes slower than we wait."""
        run = agenttrace.current_run()
        assert run is not None
        try:
            for attempt in run.attempts(
                "tool", "shipping_status", retry_on=TimeoutError, max_attempts=self._carrier_attempts
            ):
                with attempt as step:
                    answer = self._carrier.submit(self._ask_carrier, self._dice.uniform(0.02, 0.14))
                    step.set(scans=answer.result(timeout=CARRIER_LIMIT_SECONDS), http_status=200)
        except TimeoutError:
            pass  # it answers without the carrier's status: the run ends partial

    @agenttrace.step("tool")
    def refund(self, ticket: Ticket) -> None:
        """Refund the order, unless it takes a supervisor."""
        query = "SELECT price FROM orders WHERE number = ?"
        row = self._orders.execute(query, (ticket.order,)).fetchone() or (0,)
        time.sleep(0.01)
        if row[0] > 100:
            raise SupervisorNeededError

    def respond(self, ticket: Ticket) -> None:
        """Write the answer."""
        with agenttrace.step("respond", "answer", model="rules-1", provider="example") as step:
            time.sleep(self._dice.uniform(0.01, 0.04))
            step.usage(input_tokens=200 + len(ticket.question), output_tokens=self._dice.randint(40, 120))
            step.tell(finish_reason="stop", cost_micro_usd=310)

    @staticmethod
    def _ask_carrier(seconds: float) -> int:
        time.sleep(seconds)
        return 4


def tickets(count: int, dice: random.Random) -> list[Ticket]:
    """Return as many tickets, of every kind; one in six names an order that does not exist."""
    made = []
    for number in range(count):
        intent, question = QUESTIONS[number % len(QUESTIONS)]
        order = 9999 if number % 6 == 5 else dice.choice(ORDERS)[0]
        made.append(Ticket(number, intent, question, order))
    return made


def agents(endpoint: str | None, dice: random.Random) -> list[SupportAgent]:
    """Return an agent of each version, the older first."""
    made: list[SupportAgent] = []
    for version, carrier_attempts in VERSIONS.items():
        tracer = agenttrace.Tracer(
            agent_id="customer-support",
            agent_version=version,
            environment="demo",
            endpoint=endpoint,
            classify={SupervisorNeededError: "supervisor_needed", OrderNotFoundError: "not_found"},
            # One delivers for both: one receipt tells of everything.
            exporter=made[0].tracer.exporter if made else None,
        )
        made.append(SupportAgent(tracer, dice, carrier_attempts))
    return made


def main() -> int:
    """Handle tickets and say what was recorded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=12, help="how many tickets, 12 unless told")
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same tickets")
    parser.add_argument("--endpoint", help="the ingest service; AGENTTRACE_ENDPOINT, else 127.0.0.1:50051")
    options = parser.parse_args()

    dice = random.Random(options.seed)
    older, newer = agents(options.endpoint, dice)
    intents: Counter[str] = Counter()
    for ticket in tickets(options.runs, dice):
        run = (older if ticket.number < options.runs // 2 else newer).handle(ticket)
        print(f"{run.run_id}  {run.status:<9}  ticket-{ticket.number:<3} {ticket.intent}")
        intents[ticket.intent] += 1

    receipt = newer.tracer.close(timeout_seconds=10)
    print(f"\n{options.runs} runs recorded: {receipt.accepted} items stored, {receipt.duplicate} known already,")
    print(f"{receipt.rejected} rejected, {receipt.dropped} dropped, {receipt.pending} not acknowledged")
    print("look at them:  agenttrace runs --agent customer-support\n               agenttrace run ID")
    return 0 if receipt.complete else 1


if __name__ == "__main__":
    sys.exit(main())
