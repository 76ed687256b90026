/**
 * A customer support agent that records what it does: `customer-support-agent.js --runs N`.
 *
 * Everything it does is real but small: it looks up articles and orders in memory, asks a carrier that is sometimes
 * slower than it waits, and answers. Of a ticket's text only tokens and numbers are recorded.
 */

import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { QueryClient, Tracer, type Run } from "../src/index.js";

const ARTICLES: Readonly<Record<string, string>> = {
  "refund-policy": "refunds are made within thirty days of delivery to the original payment method",
  "shipping-times": "parcels ship within two days and arrive within five days of the order",
  "lost-parcel": "a parcel is lost when its tracking has not moved for ten days",
  warranty: "devices carry a warranty of two years against defects",
};
const STATES = ["shipped", "delivered", "processing"] as const;
const ORDERS = new Map(
  Array.from({ length: 12 }, (_, index) => [1000 + index, { state: STATES[index % 3]!, price: 19 + 17 * index }]),
);
const QUESTIONS = [
  { intent: "refund", question: "how long do refunds take to the payment method" },
  { intent: "delivery", question: "when will my parcel arrive after the order" },
  { intent: "lost", question: "tracking of the parcel has not moved for days" },
  { intent: "cancel", question: "xylophone subscription" },
] as const;
const CARRIER_LIMIT_MS = 80;

/** A refund is above what the agent may grant by itself. */
class SupervisorNeededError extends Error {}

/** No order has this number. */
class OrderNotFoundError extends Error {}

interface Ticket {
  number: number;
  intent: (typeof QUESTIONS)[number]["intent"];
  question: string;
  order: number;
}

const tracer = new Tracer({
  agentId: "customer-support",
  agentVersion: "1.4.0",
  environment: "demo",
  classify: { SupervisorNeededError: "supervisor_needed", OrderNotFoundError: "not_found" },
});

/** Work on one ticket; return the recorded run. */
async function handle(ticket: Ticket): Promise<Run> {
  const facts = { sessionId: `ticket-${ticket.number}`, tags: ["example", ticket.intent, "typescript"] };
  let recorded!: Run;
  const work = tracer.run(facts, async (run) => {
    recorded = run;
    await plan(run, ticket);
    await lookUp(run, ticket);
    const state = await findOrder(run, ticket);
    if (ticket.intent === "refund") await refund(run, ticket);
    else if (state === "shipped") await shippingStatus(run, ticket);
    await respond(run, ticket);
  });
  await work.catch((error: unknown) => {
    // The run has failed, and says why; the agent goes on with the next ticket.
    if (!(error instanceof SupervisorNeededError)) throw error;
  });
  return recorded;
}

/** Decide what to do. */
async function plan(run: Run, ticket: Ticket): Promise<void> {
  await run.step("plan", "classify_ticket", async (step) => {
    await step.step("model", "choose_tools", { model: "rules-1", provider: "example" }, async (model) => {
      await pause(5);
      model.usage({ inputTokens: 80 + ticket.question.length, outputTokens: 12 }).cost(90);
    });
  });
}

/** Find help articles that share words with the question. */
async function lookUp(run: Run, ticket: Ticket): Promise<void> {
  await run.step("retrieve", "search_articles", async (step) => {
    const words = new Set(ticket.question.split(" ").filter((word) => word.length > 3));
    const scores = Object.values(ARTICLES).map((text) => text.split(" ").filter((word) => words.has(word)).length);
    const found = scores.filter((score) => score > 0).length;
    step.retrieval("help_articles", found).set({ best_score: Math.max(...scores) });
    // It can still answer, but not well: the run ends partial.
    if (found === 0) step.fail("empty_retrieval");
  });
}

/** Look the order up; ask again for the number once if it is wrong. */
function findOrder(run: Run, ticket: Ticket): Promise<string> {
  let number = ticket.order;
  return run.attempts("tool", "find_order", { retryOn: [OrderNotFoundError], maxAttempts: 2 }, async (step) => {
    const order = ORDERS.get(number);
    step.set({ rows: order === undefined ? 0 : 1 });
    number = 1000 + (ticket.number % ORDERS.size);
    if (order === undefined) throw new OrderNotFoundError();
    return order.state;
  });
}

/** Refund the order, unless it takes a supervisor. */
async function refund(run: Run, ticket: Ticket): Promise<void> {
  await run.step("tool", "refund", async () => {
    await pause(5);
    if (ORDERS.get(ticket.order)!.price > 100) throw new SupervisorNeededError();
  });
}

/** Ask the carrier, which is sometimes slower than we wait. */
async function shippingStatus(run: Run, ticket: Ticket): Promise<void> {
  const asked = run.attempts("tool", "shipping_status", {}, async (step) => {
    const answer = await fetchScans(ticket.number + step.attempt, AbortSignal.timeout(CARRIER_LIMIT_MS));
    step.set({ scans: answer, http_status: 200 });
  });
  await asked.catch(() => {}); // it answers without the carrier's status: the run ends partial
}

/** The carrier: one answer in three takes too long. */
async function fetchScans(turn: number, signal: AbortSignal): Promise<number> {
  const late = turn % 3 === 0;
  await pause(late ? 10 * CARRIER_LIMIT_MS : 10, undefined, { signal }).catch(() => signal.throwIfAborted());
  return 4;
}

/** Write the answer. */
async function respond(run: Run, ticket: Ticket): Promise<void> {
  await run.step("respond", "answer", { model: "rules-1", provider: "example" }, async (step) => {
    await pause(10);
    step.usage({ inputTokens: 200 + ticket.question.length, outputTokens: 64 });
    step.tell({ finishReason: "stop", costMicroUsd: 310 });
  });
}

/** The n-th ticket, from 0; one in six names an order that does not exist. */
function ticketOf(number: number): Ticket {
  const { intent, question } = QUESTIONS[number % QUESTIONS.length]!;
  const dear = number % 12 === 8 ? 11 : 0;
  const order = intent === "refund" ? 1000 + dear : 1000 + ((7 * number) % ORDERS.size);
  return { number, intent, question, order: number % 6 === 5 ? 9999 : order };
}

const { values } = parseArgs({ options: { runs: { type: "string", default: "12" } } });
const recorded = new Set<string>();
for (let number = 0; number < Number(values.runs); number++) {
  const ticket = ticketOf(number);
  const run = await handle(ticket);
  recorded.add(run.runId);
  console.log(`${run.runId}  ${run.status.padEnd(9)}  ticket-${String(number).padEnd(3)} ${ticket.intent}`);
}
const receipt = await tracer.close(10_000);
const { accepted, rejected, dropped } = receipt;
console.log(`\n${recorded.size} runs recorded: ${accepted} items stored, ${rejected} rejected, ${dropped} dropped`);

using client = new QueryClient();
let listed = 0;
for await (const summary of client.runs({ filter: { agentIds: ["customer-support"], tags: ["typescript"] } })) {
  if (recorded.has(summary.run!.runId)) listed += 1;
  if (listed === recorded.size) break;
}
console.log(`${listed} of them listed`);
process.exitCode = receipt.complete && listed === recorded.size ? 0 : 1;
