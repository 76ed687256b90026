/** Signs of life of the runs that are open. */

/** What is alive until it is let go of. */
export interface Alive {
  beat(): void;
}

/**
 * Makes each open run beat once an interval. A run that the host has forgotten without ending it beats no more, and
 * the server takes it for abandoned.
 */
export class Heartbeats {
  readonly #open = new Set<WeakRef<Alive>>();
  readonly #references = new WeakMap<Alive, WeakRef<Alive>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly everyMs: number) {}

  /** Begin with a run that has just started. */
  add(run: Alive): void {
    const reference = new WeakRef(run);
    this.#references.set(run, reference);
    this.#open.add(reference);
    this.#timer ??= setInterval(() => this.#beat(), this.everyMs).unref();
  }

  /** End with a run. */
  remove(run: Alive): void {
    const reference = this.#references.get(run);
    if (reference !== undefined) this.#open.delete(reference);
    if (this.#open.size === 0) this.stop();
  }

  /** End with all. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    for (const reference of this.#open) {
      const run = reference.deref();
      if (run === undefined) this.#open.delete(reference);
      else run.beat();
    }
  }
}
