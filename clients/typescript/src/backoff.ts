/** When to send again what could not be sent. */

import type { CallError } from "./errors.js";

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
// A fault of the server may lie in one batch: it must not hold up all others for good.
const TRIES_AT_FAULTS = 5;
// Outages and wrong keys pass. A server or proxy that ends resets the stream: CANCELLED, or INTERNAL, which counts as
// a fault. One that is not yet ours: UNIMPLEMENTED.
const PASSING = new Set([
  "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED", "CANCELLED", "ABORTED", "UNIMPLEMENTED",
]);

/** Waits twice as long after each failure in a row, with jitter, and as long as the server asks. */
export class Backoff {
  #failures = 0;
  #faults = 0;

  /** Whether the try before this one has failed, too. */
  get failedBefore(): boolean {
    return this.#failures > 0;
  }

  /** Start over. */
  succeeded(): void {
    this.#failures = 0;
    this.#faults = 0;
  }

  /** Whether sending the batch again cannot help. */
  givesUp(error: CallError): boolean {
    if (PASSING.has(error.status)) return false;
    if (error.status === "RESOURCE_EXHAUSTED" && error.retryAfterMs !== undefined) return false;
    const judged = error.status === "INVALID_ARGUMENT" || error.status === "RESOURCE_EXHAUSTED";
    if (!judged && ++this.#faults < TRIES_AT_FAULTS) return false;
    this.#faults = 0;
    return true;
  }

  /** Return how long to wait before the next try. */
  delayMs(error?: CallError): number {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    // Jitter, so that a thousand agents do not come back in the same second.
    const jitter = longest * (0.5 + Math.random() / 2);
    const asked = error?.retryAfterMs;
    return asked === undefined ? jitter : asked + jitter / 4;
  }
}
