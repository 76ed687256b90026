/** What became of what was recorded. */

/** The counts of a receipt. An item is a step, a failure or a message about a run. */
export interface Counts {
  /** Items that were stored, or that changed what is stored. */
  accepted: number;
  /** Items that the server knew already. */
  duplicate: number;
  /** Items that the server refused for good. */
  rejected: number;
  /** Items that were never delivered: the queue was full or closed, or the server refused their whole call. */
  dropped: number;
  /** Attributes that the server left out. */
  rejectedAttributes: number;
  /** Names that were no tokens: recorded as `invalid_name`, or left out. */
  refusedNames: number;
  /** Attributes and facts that were left out here. */
  refusedFacts: number;
}

/** What became of everything recorded so far. */
export interface Receipt extends Readonly<Counts> {
  /** Items that are not acknowledged yet. */
  readonly pending: number;
  /** Whether everything recorded is stored. */
  readonly complete: boolean;
}

/** Counts what became of items. */
export class Ledger {
  readonly #counts: Counts = {
    accepted: 0, duplicate: 0, rejected: 0, dropped: 0, rejectedAttributes: 0, refusedNames: 0, refusedFacts: 0,
  };

  add(more: Partial<Counts>): void {
    for (const [name, count] of Object.entries(more)) this.#counts[name as keyof Counts] += count;
  }

  receipt(pending: number): Receipt {
    const { rejected, dropped } = this.#counts;
    return { ...this.#counts, pending, complete: rejected === 0 && dropped === 0 && pending === 0 };
  }
}
