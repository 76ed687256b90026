/** The exporter: takes what is recorded at once, and delivers it in the background. */

import { openChannel, type Channel } from "./channel.js";
import { Heartbeats, type Alive } from "./heartbeats.js";
import { Notices } from "./notices.js";
import { takeStream, type Item, type Parcel } from "./parcels.js";
import { Ledger, type Receipt } from "./receipt.js";
import { itemsOf, sendOver, Uploader, type Send } from "./uploader.js";

const DEFAULT_ENDPOINT = "127.0.0.1:50051";
// A run whose end is lost is taken for abandoned, which is worse than a lost step: ends get in last.
const RESERVED_FOR_RUNS = 1_000;

/** How much an exporter holds, and how long it waits. */
export interface Bounds {
  /** Items that wait at most; further ones are dropped and counted. 50,000. */
  maxItems: number;
  /** Their estimated memory at most. 64 MiB. */
  maxBytes: number;
  /** Items that are sent without waiting for more. 512. */
  batchItems: number;
  /** How long the first item of a batch waits for more. 1 s. */
  delayMs: number;
  /** How long one upload may take. 30 s. */
  timeoutMs: number;
  /** How often an open run says that it is alive. 60 s. */
  heartbeatMs: number;
  /** How long the end of the process waits for what is not delivered. 5 s. */
  exitMs: number;
}

const BOUNDS: Bounds = {
  maxItems: 50_000, maxBytes: 64 * 1024 * 1024, batchItems: 512,
  delayMs: 1_000, timeoutMs: 30_000, heartbeatMs: 60_000, exitMs: 5_000,
};

/** Where to deliver, and how. */
export interface ExporterOptions {
  endpoint?: string;
  apiKey?: string;
  bounds?: Partial<Bounds>;
  send?: Send;
}

interface Waiter {
  /** Settled items to wait for. */
  until: number;
  resolve: () => void;
}

/** Delivers to the ingest service; never waits in its caller and never throws there. */
export class Exporter {
  readonly ledger = new Ledger();
  readonly notices = new Notices();
  readonly #bounds: Bounds;
  readonly #disabled = ["1", "true", "yes", "on"].includes((process.env.AGENTTRACE_DISABLED ?? "").toLowerCase());
  readonly #heartbeats: Heartbeats;
  readonly #uploader: Uploader;
  readonly #channel: Channel | undefined;
  readonly #queue: Item[] = [];
  readonly #waiters = new Set<Waiter>();
  #bytes = 0;
  #putCount = 0;
  #settledCount = 0;
  #flushTo = 0;
  #delivering = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ExporterOptions) {
    this.#bounds = { ...BOUNDS, ...options.bounds };
    this.#heartbeats = new Heartbeats(this.#bounds.heartbeatMs);
    if (options.send === undefined) {
      const endpoint = options.endpoint || process.env.AGENTTRACE_ENDPOINT || DEFAULT_ENDPOINT;
      this.#channel = openChannel(endpoint, options.apiKey ?? process.env.AGENTTRACE_API_KEY ?? "");
    }
    const send = options.send ?? sendOver(this.#channel!);
    const settle = (parcels: readonly Parcel[]): void => this.#settle(parcels);
    this.#uploader = new Uploader(send, this.ledger, this.notices, this.#bounds.timeoutMs, settle);
  }

  /** Take an item and what must not be parted from it. */
  record(item: Item, companion?: Item): void {
    this.#put(this.#bounds.maxItems, item, companion);
  }

  /** Take a message about a run. For these some room is kept when the queue is full. */
  recordRun(item: Item): void {
    this.#put(this.#bounds.maxItems + RESERVED_FOR_RUNS, item);
  }

  /** Say from time to time that a run is alive. */
  keepAlive(run: Alive): void {
    if (!this.#disabled && !this.#closed) this.#heartbeats.add(run);
  }

  /** Say no more that a run is alive. */
  letGo(run: Alive): void {
    this.#heartbeats.remove(run);
  }

  /** What became of everything recorded so far. */
  receipt(): Receipt {
    return this.ledger.receipt(this.#pending);
  }

  /** Wait until everything recorded so far is settled, or for the timeout; return the receipt. */
  async flush(timeoutMs: number): Promise<Receipt> {
    this.#flushTo = this.#putCount;
    this.#deliverSoon();
    await this.#settled(this.#putCount, timeoutMs);
    return this.receipt();
  }

  /** Wait until the queue is at most half full. */
  async room(): Promise<void> {
    const excess = this.#pending - Math.floor(this.#bounds.maxItems / 2);
    if (excess > 0 && !this.#closed) await this.#settled(this.#settledCount + excess, Number.POSITIVE_INFINITY);
  }

  /** Deliver what waits, for at most so long, and stop; return the receipt. What is recorded later is dropped. */
  async close(timeoutMs: number): Promise<Receipt> {
    if (this.#closed) return this.receipt();
    this.#closed = true;
    this.#heartbeats.stop();
    this.#uploader.hurry();
    await this.flush(timeoutMs);
    this.#uploader.stop();
    this.#channel?.close();
    live.delete(this);
    clearTimeout(this.#timer);
    this.#letAllGo();
    if (this.#pending > 0) this.notices.eachMinute("delivery", `closed with ${this.#pending} items not delivered`);
    return this.receipt();
  }

  /** @internal Deliver before the process ends by itself. */
  async beforeExit(): Promise<void> {
    if (this.#pending === 0) return;
    this.#uploader.hurry();
    await this.flush(this.#bounds.exitMs);
    // What is left then is left for good: waiting once more, or for a call that hangs, would keep the process.
    live.delete(this);
    this.#channel?.close();
  }

  get #pending(): number {
    return this.#putCount - this.#settledCount;
  }

  #put(limit: number, item: Item, companion?: Item): void {
    if (this.#disabled) return;
    const items = companion === undefined ? 1 : 2;
    const weight = item.weight + (companion?.weight ?? 0);
    if (this.#closed || this.#pending >= limit || this.#bytes + weight > this.#bounds.maxBytes) {
      this.ledger.add({ dropped: items });
      this.notices.eachMinute("delivery", `the queue is full or closed; ${items} items dropped`);
      return;
    }
    this.#queue.push(item);
    if (companion !== undefined) this.#queue.push(companion);
    this.#putCount += items;
    this.#bytes += weight;
    if (!this.#delivering) this.#arm();
  }

  /** See to it that what waits is sent: at once where it is a batch, else after the delay. */
  #arm(): void {
    if (this.#timer === undefined) {
      watchExit(this);
      this.#timer = setTimeout(() => this.#deliverSoon(), this.#bounds.delayMs).unref();
    }
    if (this.#queue.length >= this.#bounds.batchItems) this.#deliverSoon();
  }

  #deliverSoon(): void {
    if (this.#delivering || this.#queue.length === 0) return;
    this.#delivering = true;
    clearTimeout(this.#timer);
    // Not in the caller's own turn.
    setImmediate(() => void this.#deliver());
  }

  async #deliver(): Promise<void> {
    do await this.#uploader.deliver(takeStream(this.#queue));
    while (this.#isDue && !this.#uploader.over);
    this.#delivering = false;
    this.#timer = undefined;
    if (this.#uploader.over) this.#letAllGo();
    else if (this.#queue.length > 0) this.#arm();
  }

  /** Whether what waits is to be sent at once: it is a batch, is being flushed, or nothing more comes. */
  get #isDue(): boolean {
    const waiting = this.#queue.length;
    const takenCount = this.#putCount - waiting;
    return waiting > 0 && (waiting >= this.#bounds.batchItems || this.#flushTo > takenCount || this.#closed);
  }

  #letAllGo(): void {
    for (const waiter of this.#waiters) waiter.resolve();
  }

  #settle(parcels: readonly Parcel[]): void {
    this.#settledCount += itemsOf(parcels);
    for (const parcel of parcels) this.#bytes -= parcel.weight;
    for (const waiter of this.#waiters) if (this.#settledCount >= waiter.until) waiter.resolve();
  }

  #settled(until: number, timeoutMs: number): Promise<void> {
    if (this.#settledCount >= until) return Promise.resolve();
    return new Promise((resolve) => {
      // This timer keeps the process: somebody waits.
      const timer = setTimeout(() => waiter.resolve(), Math.min(timeoutMs, 2 ** 31 - 1));
      const waiter: Waiter = {
        until,
        resolve: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }
}

const live = new Set<Exporter>();
let isWatched = false;

/** Deliver what an exporter has when the process ends by itself. Its exit by process.exit() waits for nobody. */
function watchExit(exporter: Exporter): void {
  live.add(exporter);
  if (isWatched) return;
  isWatched = true;
  process.on("beforeExit", () => {
    for (const one of live) void one.beforeExit();
  });
}
