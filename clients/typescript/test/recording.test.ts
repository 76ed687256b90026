import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { currentRun, currentStep, InvalidTokenError, Tracer, type Run } from "../src/index.js";
import { FailureType, RunStatus, StepStatus, StepType } from "../src/v1.js";
import { recorded, Network } from "./doubles.js";

class TimeoutError extends Error {}

test("a run has its facts, its steps in order, and their count", async () => {
  const facts = { sessionId: "s-1", tags: ["a", "b"], attributes: { region: "eu-1" } };
  const network = await recorded(
    (tracer) => tracer.run(facts, async (run) => {
      run.step("plan", "classify", () => undefined);
      await run.step("tool", "search", async (step) => step.set({ rows: 3, share: 0.5, cached: false }));
    }),
    { agentVersion: "1.4.0", environment: "staging" },
  );

  const { run, steps } = network;
  assert.deepEqual([run.agentId, run.agentVersion, run.environment], ["support", "1.4.0", "staging"]);
  assert.deepEqual([run.sessionId, run.tags, run.status], ["s-1", ["a", "b"], RunStatus.SUCCESS]);
  assert.equal(run.attributes.region?.value.value, "eu-1");
  assert.equal(run.expectedStepCount, 2);
  const named = steps.map((step) => [step.name, step.type]);
  assert.deepEqual(named, [["classify", StepType.PLAN], ["search", StepType.TOOL]]);
  const values = Object.entries(steps[1]!.attributes).map(([key, value]) => [key, value.value.case, value.value.value]);
  assert.deepEqual(values, [["rows", "intValue", 3n], ["share", "doubleValue", 0.5], ["cached", "boolValue", false]]);
});

test("bodies give back their values, sync and async", async () => {
  await recorded(async (tracer) => {
    const sync: number = tracer.run((run) => run.step("tool", "one", () => 1));
    const later: number = await tracer.run(async (run) => run.step("tool", "two", async () => 2));

    assert.deepEqual([sync, later], [1, 2]);
  });
});

test("steps nest by where they are called, also where others run at the same time", async () => {
  const network = await recorded((tracer) =>
    tracer.run(async (run) => {
      const branch = (name: string) =>
        run.step("plan", name, async () => {
          await turn();
          currentRun()!.step("model", `${name}.inner`, () => assert.equal(currentStep()!.name, `${name}.inner`));
        });
      await Promise.all([branch("left"), branch("right")]);
    }),
  );

  const step = (name: string) => network.steps.find((one) => one.name === name)!;
  assert.equal(step("left.inner").parentStepId, step("left").stepId);
  assert.equal(step("right.inner").parentStepId, step("right").stepId);
  assert.equal(step("left").parentStepId, "");
});

test("an error that leaves a run makes it a failure once, and goes on untouched", async () => {
  const error = new TimeoutError("the text");
  const network = await recorded(async (tracer) => {
    const work = tracer.run(async (run) => {
      await run.step("plan", "outer", (outer) => outer.step("tool", "inner", async () => Promise.reject(error)));
    });
    await assert.rejects(work, (caught) => caught === error);
  });

  const [inner, outer] = network.failures;
  assert.equal(network.run.status, RunStatus.FAILURE);
  assert.equal(network.failures.length, 2);
  assert.deepEqual([inner!.code, inner!.type, inner!.exceptionType], ["timeout", FailureType.TOOL, "TimeoutError"]);
  assert.deepEqual([outer!.type, outer!.causedByFailureId], [FailureType.ORCHESTRATION, inner!.failureId]);
  assert.ok(!JSON.stringify(network.taken, (_, value) => (typeof value === "bigint" ? 0 : value)).includes("the text"));
});

test("attempts are steps of their own, and one that succeeds recovers the run", async () => {
  const network = await recorded((tracer) =>
    tracer.run(async (run) => {
      const found = await run.attempts("tool", "search", { retryOn: [TimeoutError], tool: "orders" }, async (step) => {
        await step.step("model", "rewrite", () => undefined);
        if (step.attempt === 1) throw new TimeoutError();
        return "found";
      });
      assert.equal(found, "found");
    }),
  );

  const [first, second] = network.steps.filter((step) => step.name === "search");
  assert.equal(network.run.status, RunStatus.SUCCESS);
  assert.deepEqual([first!.status, second!.status], [StepStatus.ERROR, StepStatus.OK]);
  assert.deepEqual([second!.attempt, second!.retryOfStepId], [2, first!.stepId]);
  assert.deepEqual(network.failures.map((failure) => [failure.code, failure.retryable]), [["timeout", true]]);
});

test("what failed inside of an attempt and is done again in the next is a next attempt, too", async () => {
  const network = await recorded((tracer) =>
    tracer.run((run) =>
      run.attempts("plan", "solve", {}, (step) =>
        step.step("tool", "search", () => {
          if (step.attempt === 1) throw new TimeoutError();
        }),
      ),
    ),
  );

  const [first, second] = network.steps.filter((step) => step.name === "search");
  assert.deepEqual([second!.attempt, second!.retryOfStepId], [2, first!.stepId]);
  assert.equal(network.run.status, RunStatus.SUCCESS);
});

test("the last attempt's error, and one that is not to be retried, go on", async () => {
  const network = await recorded((tracer) =>
    tracer.run(async (run) => {
      const tried = async (options: object, error: Error): Promise<void> => {
        await assert.rejects(run.attempts("tool", "search", options, () => Promise.reject(error)), error);
      };
      await tried({ maxAttempts: 2 }, new TimeoutError());
      await tried({ retryOn: [TimeoutError] }, new RangeError());
      await tried({}, new DOMException("ended", "AbortError"));
    }),
  );

  assert.deepEqual(network.steps.map((step) => step.attempt), [1, 2, 1, 1]);
  assert.equal(network.run.status, RunStatus.PARTIAL);
});

test("statuses follow from what happened, and may be overruled", async () => {
  const statusOf = async (work: (run: Run) => void): Promise<RunStatus> =>
    (await recorded((tracer) => {
      try {
        tracer.run(work);
      } catch {
        // the run says it
      }
    })).run.status;

  assert.equal(await statusOf((run) => run.step("retrieve", "find", (step) => step.fail("empty"))), RunStatus.PARTIAL);
  assert.equal(await statusOf((run) => run.fail("task_not_completed")), RunStatus.FAILURE);
  assert.equal(await statusOf((run) => run.setStatus("cancelled")), RunStatus.CANCELLED);
  const aborted = await statusOf(() => {
    throw new DOMException("ended", "AbortError");
  });
  assert.equal(aborted, RunStatus.CANCELLED);
});

test("using ends runs and steps, and fail() takes an error", async () => {
  const network = await recorded((tracer) => {
    using run = tracer.startRun();
    using outer = run.startStep("plan", "outer");
    using inner = outer.startStep("tool", "inner", { toolCallId: "call_1" });
    inner.set({ http_status: 503 }).fail(new TimeoutError());
  });

  const [outer, inner] = network.steps;
  assert.equal(inner!.parentStepId, outer!.stepId);
  assert.equal(inner!.tool?.callId, "call_1");
  assert.deepEqual(network.failures.map((one) => [one.code, one.httpStatus]), [["timeout", 503]]);
  assert.deepEqual(inner!.attributes, {});
});

test("usage, cost and retrieval are told; a count of 0 is not absent", async () => {
  const network = await recorded((tracer) =>
    tracer.run((run) => {
      run.step("model", "answer", { model: "m-1", provider: "p", timeToFirstTokenMs: 250 }, (step) => {
        step.usage({ inputTokens: 812, outputTokens: 0, inputIncludesCached: true }).cost(310);
      });
      run.step("retrieve", "find", (step) => step.retrieval("articles", 0));
    }),
  );

  const [model, retrieval] = network.steps;
  assert.deepEqual([model!.model?.usage?.inputTokens, model!.model?.usage?.outputTokens], [812n, 0n]);
  assert.equal(model!.model?.usage?.cacheReadTokens, undefined);
  assert.deepEqual([model!.model?.costMicroUsd, model!.model?.timeToFirstToken?.nanos], [310n, 250_000_000]);
  assert.deepEqual([retrieval!.retrieval?.source, retrieval!.retrieval?.resultCount], ["articles", 0n]);
});

test("what may not be recorded is left out and counted, and nothing throws", async () => {
  const network = new Network();
  const tracer = new Tracer({ agentId: "support", send: network.send });
  tracer.run({ sessionId: "two words", tags: ["a b"] }, (run) => {
    run.step("nonsense" as "tool", "two words", { inputTokens: -1, model: "a b" }, (step) => {
      step.set({ prompt: "hello", ok: 1, list: [] as unknown as number }).tell(null as unknown as object);
    });
  });
  const receipt = await tracer.close();

  const [step] = network.steps;
  assert.deepEqual([step!.name, step!.type, Object.keys(step!.attributes)], ["invalid_name", StepType.OTHER, ["ok"]]);
  assert.deepEqual([receipt.refusedNames, receipt.refusedFacts], [4, 4]);
  assert.equal(network.run.sessionId, "");
  assert.throws(() => new Tracer({ agentId: "two words" }), InvalidTokenError);
});

test("a run inside of another names it, and what is recorded after an end is nothing", async () => {
  const network = await recorded(async (tracer) => {
    await tracer.run(async (outer) => {
      const inner = tracer.startRun();
      const step = inner.startStep("tool", "late");
      step.end();
      step.set({ after: 1 }).fail("after");
      step.end();
      inner.end();
      inner.end("failure");
      assert.equal(inner.status, "success");
      assert.equal(outer.status, "running");
    });
  });

  const runs = network.taken.flatMap((message) => message.runs);
  const inner = runs.filter((run) => run.parentRunId !== "");
  assert.deepEqual(inner.map((run) => run.status), [RunStatus.RUNNING, RunStatus.SUCCESS]);
  assert.equal(runs.length, 4);
  assert.deepEqual([network.steps.length, network.failures.length], [1, 0]);
});

test("an open run beats", async () => {
  const network = new Network();
  const tracer = new Tracer({ agentId: "support", send: network.send, bounds: { heartbeatMs: 1 } });
  const run = tracer.startRun();
  while (tracer.receipt().pending < 2) await new Promise((resolve) => setTimeout(resolve, 2));
  await tracer.flush();

  assert.ok(network.run.heartbeatTime !== undefined);
  run.end();
  await tracer.close();
});
