import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { CallError, QueryClient, Tracer } from "../src/index.js";
import { RunStatus, StepStatus } from "../src/v1.js";
import { Cut, INGEST, QUERY, skip, uniqueAgent } from "./product.js";

async function recordRuns(agentId: string, count: number, endpoint = INGEST): Promise<string[]> {
  await using tracer = new Tracer({ agentId, endpoint, apiKey: "" });
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    tracer.run((run) => {
      ids.push(run.runId);
      run.step("tool", "search", () => undefined);
    });
  }
  const receipt = await tracer.flush(30_000);
  assert.deepEqual([receipt.complete, receipt.accepted], [true, count * 3]);
  return ids;
}

test("what is recorded is read back", { skip }, async () => {
  const agentId = uniqueAgent();
  await using tracer = new Tracer({ agentId, endpoint: INGEST });
  const runId = await tracer.run({ attributes: { region: "eu-1" } }, async (run) => {
    await run.attempts("tool", "search", {}, (step) => {
      if (step.attempt === 1) throw new DOMException("late", "TimeoutError");
    });
    run.step("model", "answer", { model: "m-1" }, (step) => step.usage({ inputTokens: 5 }).cost(7));
    return run.runId;
  });
  const receipt = await tracer.flush();

  using client = new QueryClient({ endpoint: QUERY });
  const detail = await client.run(runId);
  const steps = detail.steps.map((step) => [step.name, step.status, step.attempt]);
  const failures = detail.failures.map((one) => [one.failure?.code, one.recovered]);
  assert.equal(receipt.complete, true);
  const { ERROR, OK } = StepStatus;
  assert.deepEqual(steps, [["search", ERROR, 1], ["search", OK, 2], ["answer", OK, 1]]);
  assert.deepEqual(failures, [["timeout", true]]);
  assert.deepEqual([detail.completeness?.complete, detail.run?.costMicroUsd], [true, 7n]);
  assert.deepEqual([detail.run?.run?.status, detail.run?.run?.agentId], [RunStatus.SUCCESS, agentId]);
});

test("a listing has a limit and pages, and goes on from a token", { skip }, async () => {
  const agentId = uniqueAgent();
  const ids = await recordRuns(agentId, 7);
  using client = new QueryClient({ endpoint: QUERY });
  const filter = { agentIds: [agentId] };

  const first: string[] = [];
  let pageToken = "";
  for await (const page of client.runs({ filter, pageSize: 2, limit: 4n }).pages()) {
    first.push(...page.items.map((summary) => summary.run!.runId));
    pageToken = page.nextPageToken;
  }
  const rest: string[] = [];
  for await (const summary of client.runs({ filter, pageToken })) rest.push(summary.run!.runId);

  assert.deepEqual([first.length, rest.length], [4, 3]);
  assert.deepEqual([...first, ...rest].sort(), ids.sort());
});

test("a listing whose connection breaks goes on where it was", { skip }, async () => {
  const agentId = uniqueAgent();
  const ids = await recordRuns(agentId, 120);
  await using cut = new Cut(QUERY, [6_000, 9_000]);
  using client = new QueryClient({ endpoint: await cut.open() });

  const listed: string[] = [];
  for await (const summary of client.runs({ filter: { agentIds: [agentId] }, pageSize: 5 })) {
    listed.push(summary.run!.runId);
  }

  assert.deepEqual(listed.sort(), ids.sort());
  assert.equal(cut.cuts, 2);
});

test("an upload whose answer is lost twice is sent again and stored once", { skip }, async () => {
  const agentId = uniqueAgent();
  await using cut = new Cut(INGEST, [60, 90]);
  await using tracer = new Tracer({ agentId, endpoint: await cut.open() });
  const runId = tracer.run((run) => {
    for (let number = 0; number < 1500; number++) run.step("tool", "search", () => undefined);
    return run.runId;
  });
  const receipt = await tracer.flush(30_000);

  using client = new QueryClient({ endpoint: QUERY });
  const detail = await client.run(runId);
  assert.equal(cut.cuts, 2);
  assert.deepEqual([receipt.accepted + receipt.duplicate, receipt.complete], [1502, true]);
  assert.deepEqual([detail.steps.length, detail.run?.stepCount, detail.completeness?.complete], [1500, 1500n, true]);
});

test("a watch tells of runs from its checkpoint on, and again from its token", { skip }, async () => {
  const agentId = uniqueAgent();
  using client = new QueryClient({ endpoint: QUERY });
  const events = client.watch({ agentIds: [agentId] }).events();
  const checkpoint = (await events.next()).value!;
  const [first] = await recordRuns(agentId, 1);
  const told = (await events.next()).value!;
  await events.return(undefined);
  const [second] = await recordRuns(agentId, 1);

  const again: string[] = [];
  for await (const summary of client.watch({ agentIds: [agentId] }, told.resumeToken)) {
    again.push(summary.run!.runId);
    if (again.includes(second!)) break;
  }
  assert.deepEqual([checkpoint.runs, checkpoint.resumeToken !== ""], [[], true]);
  assert.deepEqual(told.runs.map((summary) => summary.run?.runId), [first]);
});

test("a call that fails says why", { skip }, async () => {
  using client = new QueryClient({ endpoint: QUERY });
  const failed = (error: unknown, status: string, reason: string): boolean => {
    assert.ok(error instanceof CallError);
    assert.deepEqual([error.status, error.reason], [status, reason]);
    return true;
  };

  const nobody = client.run("01935c3e-7d2a-7c41-9a52-5f0e2b7a9c11");
  await assert.rejects(nobody, (error) => failed(error, "NOT_FOUND", "RUN_NOT_FOUND"));
  const bad = client.runs({ pageToken: "made-up" })[Symbol.asyncIterator]().next();
  await assert.rejects(bad, (error) => failed(error, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"));
  const away = new QueryClient({ endpoint: "127.0.0.1:1" }).failureCodes();
  await assert.rejects(away, (error) => failed(error, "UNAVAILABLE", ""));
});

test("closing a client ends its watch", { skip }, async () => {
  const client = new QueryClient({ endpoint: QUERY });
  const events = client.watch({ agentIds: [uniqueAgent()] }).events();
  await events.next();
  const next = events.next();
  client.close();

  await assert.rejects(next, (error) => error instanceof CallError && error.reason === "");
});

test("statistics and the catalogue of codes are read", { skip }, async () => {
  const agentId = uniqueAgent();
  await recordRuns(agentId, 2);
  using client = new QueryClient({ endpoint: QUERY });
  const stats = await client.stats({ filter: { agentIds: [agentId] } });
  const codes = await client.failureCodes();

  assert.deepEqual([stats.totals?.runCount, stats.totals?.successCount], [2n, 2n]);
  assert.ok(codes.some((code) => code.code === "timeout"));
});

test("a process that ends by itself delivers what it recorded, and is not kept by a tracer", { skip }, async () => {
  const agentId = uniqueAgent();
  const program = `
    import { Tracer } from ${JSON.stringify(new URL("../src/index.js", import.meta.url).href)};
    const tracer = new Tracer({ agentId: ${JSON.stringify(agentId)} });
    tracer.run((run) => run.step("tool", "search", () => undefined));
    tracer.startRun();`;
  execFileSync(process.execPath, ["--input-type=module", "--eval", program], { timeout: 60_000 });

  using client = new QueryClient({ endpoint: QUERY });
  const stats = await client.stats({ filter: { agentIds: [agentId] } });
  assert.deepEqual([stats.totals?.successCount, stats.totals?.runningCount], [1n, 1n]);
});
