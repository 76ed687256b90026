/** Stubs of the services that a case names, and what their answers say in the plan's words. */

import { createRegistry, fromBinary, type DescMessage, type DescService, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { file_agenttrace_v1_failure } from "../src/gen/agenttrace/v1/failure_pb.js";
import { file_agenttrace_v1_ingest_service, IngestService } from "../src/gen/agenttrace/v1/ingest_service_pb.js";
import { file_agenttrace_v1_query_service, QueryService } from "../src/gen/agenttrace/v1/query_service_pb.js";
import { file_agenttrace_v1_run } from "../src/gen/agenttrace/v1/run_pb.js";
import { file_agenttrace_v1_step } from "../src/gen/agenttrace/v1/step_pb.js";
import type { RecordCounts, Rejection } from "../src/gen/agenttrace/v1/ingest_service_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";

export const TIMEOUT_MS = 30_000;

/** A message of the plan. */
export interface Told {
  type: string;
  json: unknown;
  bytes: string;
}

/** A case of the plan; which fields it has, its `do` says. */
export type Case = { id: string; do: string; to: string; key?: string } & Record<string, any>;
export type Observed = Record<string, unknown>;

const REGISTRY = createRegistry(
  file_agenttrace_v1_run,
  file_agenttrace_v1_step,
  file_agenttrace_v1_failure,
  file_agenttrace_v1_ingest_service,
  file_agenttrace_v1_query_service,
);

/** The services of the endpoints file. */
export class Services {
  readonly #transports = new Map<string, Transport>();

  constructor(private readonly endpoints: Record<string, string> & { keys: Record<string, string> }) {}

  client<S extends DescService>(service: S, name: string): Client<S> {
    let transport = this.#transports.get(name);
    if (transport === undefined) {
      transport = createGrpcTransport({ baseUrl: `http://${this.endpoints[name]}` });
      this.#transports.set(name, transport);
    }
    return createClient(service, transport);
  }

  ingest(name: string): Client<typeof IngestService> {
    return this.client(IngestService, name);
  }

  query(name: string): Client<typeof QueryService> {
    return this.client(QueryService, name);
  }

  /** The deadline, and the key that a case names. */
  options(told: { key?: string }): CallOptions {
    const headers = told.key ? { authorization: `Bearer ${this.endpoints.keys[told.key]}` } : {};
    return { timeoutMs: TIMEOUT_MS, headers };
  }
}

/** The descriptor of a message by its full name. */
export function schemaOf(name: string): DescMessage {
  const schema = REGISTRY.getMessage(name);
  if (schema === undefined) throw new Error(`no message ${name}`);
  return schema;
}

/** A message of the plan, from its bytes. */
export function message<M extends Message>(told: Told): M {
  return fromBinary(schemaOf(told.type), Buffer.from(told.bytes, "base64")) as M;
}

/** The counts and rejections of a receipt. */
export function outcome(answer: { counts?: RecordCounts | undefined; rejections: Rejection[] }): Observed {
  const counts = answer.counts;
  const of = (kind: "runs" | "steps" | "failures") => {
    const found = counts?.[kind];
    return [found?.accepted, found?.duplicate, found?.rejected].map((count) => Number(count ?? 0n));
  };
  return {
    counts: {
      runs: of("runs"),
      steps: of("steps"),
      failures: of("failures"),
      rejected_attributes: Number(counts?.rejectedAttributeCount ?? 0n),
      rejected_messages: Number(counts?.rejectedMessageCount ?? 0n),
      unknown_fields: Number(counts?.unknownFieldCount ?? 0n),
    },
    rejections: answer.rejections.map((one) => [
      Number(one.messageIndex), one.kind, one.itemIndex, one.reason, one.field,
    ]),
  };
}

/** What the details of a failed call say. */
export function explain(failed: unknown): Observed {
  const error = ConnectError.from(failed, Code.Unknown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    status: error.code,
    reason: info?.reason ?? "",
    domain: info?.domain ?? "",
    metadata: info?.metadata ?? {},
    violations: (bad?.fieldViolations ?? []).map((violation) => violation.field),
    has_retry_delay: delay !== undefined && Number(delay.seconds) + delay.nanos / 1e9 > 0,
  };
}
