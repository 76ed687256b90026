/** A listing as an async iterator: it goes on where it was if its stream breaks. */

import type { CallError } from "./errors.js";
import { answers, LISTING_TRIES, Resumption } from "./resumption.js";

/** A part of a listing. */
export interface Page<T> {
  /** What it holds; may be empty although the listing goes on. */
  readonly items: readonly T[];
  /** Where the listing goes on; empty at its end. It belongs to the filter it was made for. */
  readonly nextPageToken: string;
}

/** What the requests of listings have in common. */
export interface ListingRequest {
  limit: bigint;
  pageToken: string;
}

/** Iterate over the items, or over the pages: once. */
export class Listing<T> implements AsyncIterable<T> {
  /** @internal Made by QueryClient. */
  constructor(
    private readonly request: ListingRequest,
    private readonly open: (signal: AbortSignal) => AsyncIterable<Page<T>>,
    private readonly isClosed: () => boolean,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** Iterate over the pages as the server sends them, each with the token that goes on after it. */
  async *pages(): AsyncGenerator<Page<T>, void> {
    const resumption = new Resumption(LISTING_TRIES, this.isClosed);
    for (;;) {
      try {
        for await (const page of answers(this.open)) {
          resumption.progressed();
          const isLast = this.#note(page);
          yield page;
          if (isLast) return;
        }
        return;
      } catch (error) {
        await resumption.wait(error as CallError);
      }
    }
  }

  /** Note where the listing goes on; return whether it is over. */
  #note(page: Page<T>): boolean {
    const { request } = this;
    request.pageToken = page.nextPageToken;
    if (request.limit > 0n) {
      request.limit -= BigInt(page.items.length);
      // 0 would mean all.
      if (request.limit <= 0n) return true;
    }
    return page.nextPageToken === "";
  }
}
