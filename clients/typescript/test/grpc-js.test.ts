import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Client, credentials, makeGenericClientConstructor, status, type ServiceError } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";

import { INGEST, QUERY, skip, uniqueAgent } from "./product.js";

const PROTO = fileURLToPath(new URL("../../../../proto", import.meta.url));

/** A client of grpc-js, made of the contract's files without any generated code. */
function clientOf(service: "IngestService" | "QueryService", endpoint: string): Client & Record<string, any> {
  const file = service === "IngestService" ? "ingest_service" : "query_service";
  const definitions = loadSync(`agenttrace/v1/${file}.proto`, { includeDirs: [PROTO], longs: Number, enums: String });
  const definition = definitions[`agenttrace.v1.${service}`] as ServiceDefinition;
  return new (makeGenericClientConstructor(definition, service))(endpoint, credentials.createInsecure());
}

function call<T>(start: (done: (error: ServiceError | null, answer: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, answer) => (error ? reject(error) : resolve(answer))));
}

test("grpc-js with a dynamic definition uploads a stream, reads a run and lists it", { skip }, async () => {
  const agentId = uniqueAgent();
  const runId = randomUUID();
  const seconds = Math.floor(Date.now() / 1000);
  const span = { startTime: { seconds }, endTime: { seconds } };
  const ingest = clientOf("IngestService", INGEST);
  const query = clientOf("QueryService", QUERY);

  const receipt = await call<any>((done) => {
    const stream = ingest.UploadSteps(done);
    stream.write({ runs: [{ runId, agentId, status: "RUN_STATUS_SUCCESS", ...span, expectedStepCount: 1 }] });
    const step = { runId, stepId: randomUUID(), type: "STEP_TYPE_TOOL", name: "search", ...span };
    stream.write({ steps: [{ ...step, status: "STEP_STATUS_OK" }] });
    stream.end();
  });
  const detail = await call<any>((done) => query.GetRun({ runId }, done));
  const listed: string[] = [];
  for await (const chunk of query.ListRuns({ filter: { agentIds: [agentId] } })) {
    for (const summary of chunk.runs) listed.push(summary.run.runId);
  }
  const failed = await call<any>((done) => query.GetRun({ runId: randomUUID() }, done)).catch((error) => error);

  assert.equal(receipt.acknowledgedMessageCount, 2);
  assert.deepEqual([detail.completeness.complete, detail.steps[0].name], [true, "search"]);
  assert.deepEqual(listed, [runId]);
  assert.equal(failed.code, status.NOT_FOUND);
  ingest.close();
  query.close();
});
