/** Warnings to the host's developers, through Node's own `warning` event; none holds a value of the host's. */

const EVERY_MS = 60_000;

export class Notices {
  readonly #last = new Map<string, number>();

  /** Warn once of a kind. */
  once(kind: string, text: string): void {
    this.#warn(kind, text, Number.POSITIVE_INFINITY);
  }

  /** Warn at most once a minute of a kind. */
  eachMinute(kind: string, text: string): void {
    this.#warn(kind, text, EVERY_MS);
  }

  #warn(kind: string, text: string, pauseMs: number): void {
    const last = this.#last.get(kind);
    const time = performance.now();
    if (last !== undefined && time - last < pauseMs) return;
    this.#last.set(kind, time);
    process.emitWarning(`agenttrace: ${text}`, "AgentTraceWarning");
  }
}
