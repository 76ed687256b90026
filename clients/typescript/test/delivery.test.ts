import assert from "node:assert/strict";
import { test } from "node:test";

import { Code, ConnectError } from "@connectrpc/connect";

import { Backoff } from "../src/backoff.js";
import { CallError, Tracer, type TracerOptions } from "../src/index.js";
import { RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { Network, type Plan } from "./doubles.js";

const failing = (code: Code): ConnectError => new ConnectError("a failure", code);

function tracerOn(plan: Plan, options: Partial<TracerOptions> = {}): [Tracer, Network] {
  const network = new Network(plan);
  return [new Tracer({ agentId: "support", send: network.send, ...options }), network];
}

function recordSteps(tracer: Tracer, count: number): void {
  tracer.run((run) => {
    for (let number = 0; number < count; number++) run.step("tool", "search", () => undefined);
  });
}

test("what a stream did not acknowledge is sent again, marked, and stored once", async () => {
  const [tracer, network] = tracerOn([1]);
  recordSteps(tracer, 1500);
  const receipt = await tracer.close();

  assert.deepEqual(network.streams.map((stream) => stream.length), [3, 2]);
  assert.deepEqual(network.streams[1]!.map((message) => message.resend), [true, true]);
  assert.deepEqual([receipt.accepted, receipt.pending, receipt.complete], [1502, 0, true]);
  assert.equal(new Set(network.steps.map((step) => step.stepId)).size, 1500);
});

test("an outage is waited out", async () => {
  const [tracer, network] = tracerOn([failing(Code.Unavailable), failing(Code.DeadlineExceeded)]);
  recordSteps(tracer, 1);
  const receipt = await tracer.flush();
  await tracer.close();

  assert.equal(network.streams.length, 3);
  assert.deepEqual([receipt.accepted, receipt.dropped], [3, 0]);
});

test("a message that the server refuses whole is given up, the next ones are not", async () => {
  const [tracer] = tracerOn([failing(Code.InvalidArgument)]);
  recordSteps(tracer, 1000);
  const receipt = await tracer.close();

  assert.deepEqual([receipt.dropped, receipt.accepted, receipt.complete], [512, 490, false]);
});

test("a full queue drops and counts, and keeps room for the ends of runs", async () => {
  const [tracer, network] = tracerOn([], { bounds: { maxItems: 10 } });
  recordSteps(tracer, 100);
  const receipt = await tracer.close();

  assert.equal(receipt.dropped, 91);
  assert.equal(network.run.expectedStepCount, 100);
});

test("a tracer that was closed drops, and close() gives up in time where no server is", async () => {
  const tracer = new Tracer({ agentId: "support", endpoint: "127.0.0.1:1" });
  recordSteps(tracer, 1);
  const receipt = await tracer.close(20_000);
  recordSteps(tracer, 1);

  assert.deepEqual([receipt.pending, receipt.complete], [3, false]);
  assert.equal(tracer.receipt().dropped, 3);
  assert.deepEqual(await tracer.close(), tracer.receipt());
});

test("room() lets a replay wait rather than drop", async () => {
  const [tracer, network] = tracerOn([], { bounds: { maxItems: 100 } });
  for (let number = 0; number < 50; number++) {
    recordSteps(tracer, 20);
    await tracer.flush(0);
    await tracer.room();
  }
  const receipt = await tracer.close();

  assert.deepEqual([receipt.dropped, network.steps.length], [0, 1000]);
});

test("waiting grows with each failure, and is never shorter than the server asks", () => {
  const backoff = new Backoff();
  const asked = failing(Code.ResourceExhausted);
  asked.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: 40n, nanos: 0 } } });
  const delays = Array.from({ length: 12 }, () => backoff.delayMs());

  assert.ok(delays[0]! >= 125 && delays[0]! <= 250);
  assert.ok(delays.at(-1)! >= 15_000 && delays.at(-1)! <= 30_000);
  assert.equal(new CallError(asked).retryAfterMs, 40_000);
  assert.ok(backoff.delayMs(new CallError(asked)) >= 40_000);
  assert.equal(backoff.givesUp(new CallError(asked)), false);
  assert.equal(backoff.givesUp(new CallError(failing(Code.ResourceExhausted))), true);
});

test("a fault of the server is tried five times before its batch is given up", () => {
  const backoff = new Backoff();
  const verdicts = Array.from({ length: 6 }, () => backoff.givesUp(new CallError(failing(Code.Internal))));

  assert.deepEqual(verdicts, [false, false, false, false, true, false]);
});
