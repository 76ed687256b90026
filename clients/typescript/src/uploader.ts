/** Sends parcels, and sends again what was not acknowledged. */

import { createClient } from "@connectrpc/connect";

import { Backoff } from "./backoff.js";
import type { Channel } from "./channel.js";
import { CallError } from "./errors.js";
import {
  IngestService,
  RejectionField,
  RejectionReason,
  type RecordCounts,
  type UploadStepsRequest,
  type UploadStepsResponse,
} from "./gen/agenttrace/v1/ingest_service_pb.js";
import type { Notices } from "./notices.js";
import { messages, type Parcel } from "./parcels.js";
import type { Ledger } from "./receipt.js";

/** Uploads messages as one stream and returns its receipt; the seam at which a test puts its double. */
export type Send = (
  messages: AsyncIterable<UploadStepsRequest>,
  options: { timeoutMs: number; signal: AbortSignal },
) => Promise<UploadStepsResponse>;

/** Return what uploads over a channel. */
export function sendOver(channel: Channel): Send {
  const client = createClient(IngestService, channel.transport);
  return async (stream, options) => {
    try {
      return await client.uploadSteps(stream, options);
    } catch (error) {
      // Where nothing answers in time the connection may be dead: the next call opens another.
      if (new CallError(error).status === "DEADLINE_EXCEEDED") channel.close();
      throw error;
    }
  };
}

export class Uploader {
  readonly #backoff = new Backoff();
  readonly #over = new AbortController();
  #triesLeft = Number.POSITIVE_INFINITY;
  #everAnswered = false;
  #wakeUp: () => void = () => {};

  /** @param settle Takes parcels that are delivered or given up. */
  constructor(
    private readonly send: Send,
    private readonly ledger: Ledger,
    private readonly notices: Notices,
    private readonly timeoutMs: number,
    private readonly settle: (parcels: readonly Parcel[]) => void,
  ) {}

  /** Whether it sends nothing more. */
  get over(): boolean {
    return this.#over.signal.aborted || this.#triesLeft <= 0;
  }

  /** Deliver parcels until each is acknowledged or given up, or it is over. Never throws. */
  async deliver(parcels: Parcel[]): Promise<void> {
    while (parcels.length > 0 && !this.over) {
      try {
        const options = { timeoutMs: this.timeoutMs, signal: this.#over.signal };
        await this.#take(await this.send(messages(parcels), options), parcels);
      } catch (error) {
        await this.#failed(new CallError(error), parcels);
      }
    }
  }

  /** Try at once what waits for its next try, because the end is near. */
  hurry(): void {
    // A server that was never there is not waited for.
    if (!this.#everAnswered) this.#triesLeft = 2;
    this.#wakeUp();
  }

  /** Give up. */
  stop(): void {
    this.#over.abort();
    this.#wakeUp();
  }

  async #take(receipt: UploadStepsResponse, parcels: Parcel[]): Promise<void> {
    this.#everAnswered = true;
    this.#triesLeft = Number.POSITIVE_INFINITY;
    const taken = parcels.splice(0, Number(receipt.acknowledgedMessageCount));
    this.#count(receipt.counts, taken);
    if (receipt.rejections.length > 0) this.notices.eachMinute("rejected", `the server refused ${reasons(receipt)}`);
    this.settle(taken);
    if (taken.length > 0 || parcels.length === 0) this.#backoff.succeeded();
    else await this.#pause(this.#backoff.delayMs());
  }

  #count(counts: RecordCounts | undefined, taken: readonly Parcel[]): void {
    const kinds = [counts?.runs, counts?.steps, counts?.failures];
    const sum = (of: "accepted" | "duplicate"): number =>
      kinds.reduce((total, kind) => total + Number(kind?.[of] ?? 0n), 0);
    const [accepted, duplicate] = [sum("accepted"), sum("duplicate")];
    // What was neither accepted nor known was refused, alone or with its whole message.
    const rejected = itemsOf(taken) - accepted - duplicate;
    const rejectedAttributes = Number(counts?.rejectedAttributeCount ?? 0n);
    this.ledger.add({ accepted, duplicate, rejected, rejectedAttributes });
  }

  async #failed(error: CallError, parcels: Parcel[]): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#triesLeft -= 1;
    const reason = error.reason || error.status;
    if (this.#backoff.givesUp(error)) {
      const given = parcels.splice(0, 1);
      this.notices.eachMinute("given up", `${itemsOf(given)} items were given up: ${reason}`);
      this.ledger.add({ dropped: itemsOf(given) });
      this.settle(given);
    } else {
      // One that works at the next try is no news: a server that drains ends some calls so.
      if (this.#backoff.failedBefore) {
        this.notices.eachMinute("delivery", `upload failed (${reason}); to be sent again`);
      }
      await this.#pause(this.#backoff.delayMs(error));
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Return how many items parcels hold. */
export function itemsOf(parcels: readonly Parcel[]): number {
  return parcels.reduce((sum, parcel) => sum + parcel.items.length, 0);
}

/** Return which fields were refused and why, each once: names of enums, never a value. */
function reasons(receipt: UploadStepsResponse): string {
  const told = receipt.rejections.map((one) => `${RejectionField[one.field]} ${RejectionReason[one.reason]}`);
  return [...new Set(told)].sort().join(", ");
}
