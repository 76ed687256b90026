/** Cases that record: unary, in streams, with keys, up to limits and deadlines. */

import { Code, ConnectError } from "@connectrpc/connect";

import { Health, HealthCheckResponse_ServingStatus } from "../src/gen/grpc/health/v1/health_pb.js";
import type {
  RecordBatchRequest,
  UploadStepsRequest,
  UploadStepsResponse,
} from "../src/gen/agenttrace/v1/ingest_service_pb.js";
import { explain, message, outcome, TIMEOUT_MS } from "./services.js";
import type { Case, Observed, Services, Told } from "./services.js";

async function recordBatch(told: Case, services: Services): Promise<Observed> {
  const request = message<RecordBatchRequest>(told.request);
  return outcome(await services.ingest(told.to).recordBatch(request, services.options(told)));
}

async function uploadSteps(told: Case, services: Services): Promise<Observed> {
  const streams: Observed[] = [];
  for (const messages of told.streams as Told[][]) {
    const answer = await upload(services, told.to, messages.map((one) => message<UploadStepsRequest>(one)));
    streams.push({ ...receipt(answer), ...outcome(answer) });
  }
  return { streams };
}

async function uploadMany(told: Case, services: Services): Promise<Observed> {
  const one = message<UploadStepsRequest>(told.message);
  const streams: Observed[] = [];
  const runs = [0, 0, 0];
  for (let left = told.count as number; left > 0; ) {
    const answer = await upload(services, told.to, new Array<UploadStepsRequest>(left).fill(one));
    const counts = answer.counts?.runs;
    [counts?.accepted, counts?.duplicate, counts?.rejected].forEach((more, index) => {
      runs[index]! += Number(more ?? 0n);
    });
    streams.push(receipt(answer));
    left -= Number(answer.acknowledgedMessageCount);
  }
  return { streams, runs };
}

async function deadline(told: Case, services: Services): Promise<Observed> {
  const one = message<UploadStepsRequest>(told.message);
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  async function* requests() {
    yield one;
    await ended;
  }
  const options = { timeoutMs: 1000 * (told.timeout_seconds as number) };
  const status = await services.ingest(told.to).uploadSteps(requests(), options).then(() => 0, codeOf);
  end();
  const counts = (await upload(services, told.to, [{ ...one, resend: true }])).counts?.runs;
  return { status, stored: Number(counts?.accepted ?? 0n) + Number(counts?.duplicate ?? 0n) };
}

async function error(told: Case, services: Services): Promise<Observed> {
  const options = services.options(told);
  if (told.before) await services.ingest(told.to).recordBatch(message<RecordBatchRequest>(told.before), options);
  const ingest = services.ingest(told.to);
  const query = services.query(told.to);
  const request = message<any>(told.request);
  const calls: Record<string, () => Promise<unknown>> = {
    RecordBatch: () => ingest.recordBatch(request, options),
    UploadSteps: () => ingest.uploadSteps(each([request]), options),
    GetRun: () => query.getRun(request, options),
    ListRuns: () => all(query.listRuns(request, options)),
  };
  return calls[told.method]!().then(() => ({ status: 0 }), explain);
}

async function health(told: Case, services: Services): Promise<Observed> {
  const client = services.client(Health, told.to);
  const answers: string[] = [];
  for (const service of told.services as string[]) {
    const answer = client.check({ service }, { timeoutMs: TIMEOUT_MS });
    answers.push(await answer.then(({ status }) => HealthCheckResponse_ServingStatus[status]!, nameOf));
  }
  return { answers };
}

function upload(services: Services, to: string, messages: UploadStepsRequest[]): Promise<UploadStepsResponse> {
  return services.ingest(to).uploadSteps(each(messages), { timeoutMs: TIMEOUT_MS });
}

function receipt(answer: UploadStepsResponse): Observed {
  return { acknowledged: Number(answer.acknowledgedMessageCount), close_reason: answer.closeReason };
}

async function* each<T>(values: T[]): AsyncGenerator<T> {
  yield* values;
}

async function all(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

function codeOf(failed: unknown): Code {
  return ConnectError.from(failed).code;
}

/** The gRPC name of a failed call's status, such as NOT_FOUND. */
function nameOf(failed: unknown): string {
  return Code[codeOf(failed)].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

export const CASES = {
  record_batch: recordBatch,
  upload_steps: uploadSteps,
  upload_many: uploadMany,
  deadline,
  error,
  health,
};
