/** A network in memory: takes streams as a server does, and keeps what it took. */

import { create } from "@bufbuild/protobuf";

import { Tracer, type Send, type TracerOptions } from "../src/index.js";
import {
  ItemCountsSchema,
  RecordCountsSchema,
  UploadStepsResponseSchema,
  type Failure,
  type Run,
  type Step,
  type UploadStepsRequest,
  type UploadStepsResponse,
} from "../src/v1.js";

/** What a network does with the streams it is sent, one after the other: take so many messages, or fail. */
export type Plan = (number | Error)[];

export class Network {
  readonly streams: UploadStepsRequest[][] = [];
  readonly taken: UploadStepsRequest[] = [];

  constructor(private readonly plan: Plan = []) {}

  readonly send: Send = async (messages) => {
    const stream: UploadStepsRequest[] = [];
    for await (const message of messages) stream.push(message);
    this.streams.push(stream);
    const next = this.plan.shift() ?? stream.length;
    if (next instanceof Error) throw next;
    this.taken.push(...stream.slice(0, next));
    return receipt(stream.slice(0, next));
  };

  get steps(): Step[] {
    return this.taken.flatMap((message) => message.steps).sort((one, other) => one.sequence - other.sequence);
  }

  get failures(): Failure[] {
    return this.taken.flatMap((message) => message.failures);
  }

  /** The last message of the only run. */
  get run(): Run {
    return this.taken.flatMap((message) => message.runs).at(-1)!;
  }
}

/** Do something with a tracer on a network; return the network when everything is delivered. */
export async function recorded(
  work: (tracer: Tracer) => unknown,
  options: Partial<TracerOptions> = {},
): Promise<Network> {
  const network = new Network();
  const tracer = new Tracer({ agentId: "support", send: network.send, ...options });
  await work(tracer);
  await tracer.close();
  return network;
}

function receipt(messages: UploadStepsRequest[]): UploadStepsResponse {
  const accepted = (kind: "runs" | "steps" | "failures") =>
    create(ItemCountsSchema, { accepted: BigInt(messages.flatMap((message): unknown[] => message[kind]).length) });
  const counts = create(RecordCountsSchema, {
    runs: accepted("runs"), steps: accepted("steps"), failures: accepted("failures"),
  });
  return create(UploadStepsResponseSchema, { acknowledgedMessageCount: BigInt(messages.length), counts });
}
