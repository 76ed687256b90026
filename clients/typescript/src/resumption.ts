/** How a broken stream of answers goes on. */

import { setTimeout as pause } from "node:timers/promises";

import { CallError } from "./errors.js";

/** How often a listing is opened again without progress. */
export const LISTING_TRIES = 8;
// With a connection that breaks goes what came last: the first answers may have come and never been read.
const FIRST_TRIES = 3;
const LONGEST_MS = 5_000;
// How a stream ends that something on the way cut off, rather than a server of ours.
const CUT_OFF = new Set(["UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL", "ABORTED"]);

/**
 * Decides whether and when a broken stream is opened again: if any came before, if the server says when, or if it was
 * a connection that broke; at most so many times in a row without progress. So a server that is not there is told of
 * at once.
 */
export class Resumption {
  #progressed = false;
  #tries = 0;

  /** @param isClosed Whether the client was closed: then nothing is opened again. */
  constructor(
    private readonly mostTries: number,
    private readonly isClosed: () => boolean,
  ) {}

  /** Note that the stream brought something. */
  progressed(): void {
    this.#progressed = true;
    this.#tries = 0;
  }

  /** Wait until the stream may be opened again, or throw the error. */
  async wait(error: CallError): Promise<void> {
    const asked = error.retryAfterMs;
    if (this.isClosed() || !passes(error) || this.#tries >= this.#triesAfter(error)) throw error;
    this.#tries += 1;
    const longest = Math.min(LONGEST_MS, 100 * 2 ** Math.min(this.#tries, 10));
    // Jitter, so that the readers of a server that restarts do not come back in the same moment.
    await pause(Math.max(asked ?? 0, longest * (0.5 + Math.random() / 2)));
  }

  #triesAfter(error: CallError): number {
    if (this.#progressed || error.retryAfterMs !== undefined) return this.mostTries;
    return error.status === "UNAVAILABLE" ? 0 : FIRST_TRIES;
  }
}

/** Whether the same call can succeed later: an outage, or a connection that broke. */
function passes(error: CallError): boolean {
  if (error.status === "RESOURCE_EXHAUSTED") return error.retryAfterMs !== undefined;
  return error.status === "UNAVAILABLE" || (error.reason === "" && CUT_OFF.has(error.status));
}

/** Open a stream and yield its answers; leaving the loop ends the call. Throws a CallError. */
export async function* answers<T>(open: (signal: AbortSignal) => AsyncIterable<T>): AsyncGenerator<T> {
  const ending = new AbortController();
  try {
    yield* open(ending.signal);
  } catch (error) {
    throw new CallError(error);
  } finally {
    ending.abort();
  }
}
