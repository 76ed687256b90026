/** Cases that read: one run, listings that break, watches that resume. */

import type { RecordBatchRequest } from "../src/gen/agenttrace/v1/ingest_service_pb.js";
import type {
  GetRunRequest,
  ListRunsRequest,
  WatchRunsRequest,
  WatchRunsResponse,
} from "../src/gen/agenttrace/v1/query_service_pb.js";
import { message, TIMEOUT_MS, type Case, type Observed, type Services } from "./services.js";

// It breaks once; a service that is away would break for ever.
const MOST_BREAKS = 3;

async function getRun(told: Case, services: Services): Promise<Observed> {
  const answer = await services.query(told.to).getRun(message<GetRunRequest>(told.request), { timeoutMs: TIMEOUT_MS });
  const run = answer.run!;
  return {
    status: run.run?.status,
    complete: answer.completeness?.complete,
    step_count: Number(run.stepCount),
    failed_step_count: Number(run.failedStepCount),
    retry_count: Number(run.retryCount),
    failure_count: Number(run.failureCount),
    input_tokens: Number(run.inputTokens),
    cost_micro_usd: Number(run.costMicroUsd),
    steps: answer.steps.map((step) => [step.name, step.type, step.status, step.attempt]),
    failures: answer.failures.map((one) => [one.failure?.code, one.failure?.type, one.recovered, one.root]),
  };
}

async function listRuns(told: Case, services: Services): Promise<Observed> {
  const chunks: string[][] = [];
  const request = message<ListRunsRequest>(told.request);
  for await (const chunk of services.query(told.to).listRuns(request, { timeoutMs: TIMEOUT_MS })) {
    chunks.push(chunk.runs.map((summary) => summary.run!.runId));
  }
  return { run_ids: chunks.flat(), chunk_sizes: chunks.map((chunk) => chunk.length).filter((size) => size > 0) };
}

async function listResuming(told: Case, services: Services): Promise<Observed> {
  const request = message<ListRunsRequest>(told.request);
  const runIds: string[] = [];
  for (let broken = 0; ; broken++) {
    try {
      for await (const chunk of services.query(told.to).listRuns(request, { timeoutMs: TIMEOUT_MS })) {
        runIds.push(...chunk.runs.map((summary) => summary.run!.runId));
        request.pageToken = chunk.nextPageToken;
      }
      return { run_ids: runIds, broken_streams: broken };
    } catch (error) {
      if (broken >= MOST_BREAKS) throw error;
    }
  }
}

async function watch(told: Case, services: Services): Promise<Observed> {
  const request = message<WatchRunsRequest>(told.request);
  const first = stream(services, told.to, request);
  const beginning = await first.next();
  if (beginning.done) throw new Error("the watch ended before it began");
  await record(services, told.record_to, message<RecordBatchRequest>(told.first));
  request.resumeToken = await follow(first, told.run_ids[0]);
  await record(services, told.record_to, message<RecordBatchRequest>(told.second));
  await follow(stream(services, told.to, request), told.run_ids[1]);
  const checkpointFirst = beginning.value.runs.length === 0 && beginning.value.resumeToken !== "";
  return { checkpoint_first: checkpointFirst, first: true, second: true };
}

function stream(services: Services, to: string, request: WatchRunsRequest): AsyncGenerator<WatchRunsResponse> {
  const ending = new AbortController();
  const answers = services.query(to).watchRuns(request, { timeoutMs: TIMEOUT_MS, signal: ending.signal });
  return untilLeft(answers, ending);
}

async function* untilLeft<T>(answers: AsyncIterable<T>, ending: AbortController): AsyncGenerator<T> {
  try {
    yield* answers;
  } finally {
    ending.abort();
  }
}

/** Read a watch until it has told of a run; end it and return where it goes on. */
async function follow(answers: AsyncGenerator<WatchRunsResponse>, runId: string): Promise<string> {
  for await (const answer of answers) {
    if (answer.runs.some((summary) => summary.run?.runId === runId)) return answer.resumeToken;
  }
  throw new Error("the watch ended before it told of the run");
}

async function record(services: Services, to: string, batch: RecordBatchRequest): Promise<void> {
  await services.ingest(to).recordBatch(batch, { timeoutMs: TIMEOUT_MS });
}

export const CASES = { get_run: getRun, list_runs: listRuns, list_resuming: listResuming, watch };
