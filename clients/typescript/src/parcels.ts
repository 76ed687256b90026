/** Packs recorded items into upload messages and streams of bounded size. */

import { create } from "@bufbuild/protobuf";

import { UploadStepsRequestSchema, type UploadStepsRequest } from "./gen/agenttrace/v1/ingest_service_pb.js";

/** What is recorded: a step, a failure or a message about a run. */
export interface Item {
  /** What it takes at most on the wire, about, in bytes. */
  readonly weight: number;
  /** Add its message to a batch. */
  addTo(batch: UploadStepsRequest): void;
}

// Far below the contract's limits for a message and a stream, which other servers and proxies may lower.
const MESSAGE_ITEMS = 512;
const MESSAGE_BYTES = 1024 * 1024;
const STREAM_BYTES = 6 * 1024 * 1024;

/** One upload message. */
export class Parcel {
  readonly items: Item[] = [];
  weight = 0;
  #sent = false;

  /** Whether the next item belongs in the next message. */
  get full(): boolean {
    return this.items.length >= MESSAGE_ITEMS || this.weight >= MESSAGE_BYTES;
  }

  add(item: Item): void {
    this.items.push(item);
    this.weight += item.weight;
  }

  /** Make the message; the second one says that it is sent again. */
  message(): UploadStepsRequest {
    const message = create(UploadStepsRequestSchema, { resend: this.#sent });
    this.#sent = true;
    for (const item of this.items) item.addTo(message);
    return message;
  }
}

/** Take the oldest items out of a queue, as many as one stream may carry, and return them as messages. */
export function takeStream(queue: Item[]): Parcel[] {
  const parcels: Parcel[] = [];
  let taken = 0;
  for (let weight = 0; taken < queue.length && weight < STREAM_BYTES; taken++) {
    const item = queue[taken]!;
    if (parcels.at(-1)?.full !== false) parcels.push(new Parcel());
    parcels.at(-1)!.add(item);
    weight += item.weight;
  }
  queue.splice(0, taken);
  return parcels;
}

/** Make the messages of a stream one by one, each when the one before is written: other work comes in between. */
export async function* messages(parcels: readonly Parcel[]): AsyncGenerator<UploadStepsRequest> {
  for (const parcel of parcels) yield parcel.message();
}
