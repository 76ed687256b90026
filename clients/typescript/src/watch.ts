/** Runs as they change, without end; a watch that breaks goes on where it was. */

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { toBinary } from "@bufbuild/protobuf";

import type { CallError } from "./errors.js";
import type { WatchRunsRequest, WatchRunsResponse } from "./gen/agenttrace/v1/query_service_pb.js";
import { RunSummarySchema, type RunSummary } from "./gen/agenttrace/v1/run_pb.js";
import { answers, Resumption } from "./resumption.js";

const RECONNECT_MS = 100;
const MOST_KEPT = 20_000;

/** Runs that changed, as they are now; none in a checkpoint. */
export interface WatchEvent {
  readonly runs: readonly RunSummary[];
  /** A watch that is given it goes on after this event. */
  readonly resumeToken: string;
}

/** Iterate over the runs, or over the events: once. */
export class Watch implements AsyncIterable<RunSummary> {
  readonly #told = new Told();

  /** @internal Made by QueryClient. */
  constructor(
    private readonly request: WatchRunsRequest,
    private readonly open: (signal: AbortSignal) => AsyncIterable<WatchRunsResponse>,
    private readonly isClosed: () => boolean,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<RunSummary, void> {
    for await (const event of this.events()) yield* event.runs;
  }

  /** Iterate over events; the first is a checkpoint: from it on nothing is missed. */
  async *events(): AsyncGenerator<WatchEvent, void> {
    // A watch has no end: once it stood, it waits for its server as long as that takes.
    const resumption = new Resumption(Number.POSITIVE_INFINITY, this.isClosed);
    for (;;) {
      try {
        for await (const answer of answers(this.open)) {
          resumption.progressed();
          this.request.resumeToken = answer.resumeToken || this.request.resumeToken;
          const runs = answer.runs.filter((run) => this.#told.isNews(run));
          yield { runs, resumeToken: this.request.resumeToken };
        }
        await pause(RECONNECT_MS); // told to come back: the server drains, or we read too slowly
      } catch (error) {
        await resumption.wait(error as CallError);
      }
    }
  }
}

/** What was last told of each run: after a break the server may tell again what was told before. */
class Told {
  readonly #states = new Map<string, string>();

  /** Whether a run is not as it was last told; keeps how it is now. */
  isNews(summary: RunSummary): boolean {
    const id = summary.run?.runId ?? "";
    const state = digest(summary);
    const known = this.#states.get(id);
    // Put at the end anew: the first is then the one that was silent longest.
    this.#states.delete(id);
    this.#states.set(id, state);
    if (this.#states.size > MOST_KEPT) this.#states.delete(this.#states.keys().next().value!);
    return state !== known;
  }
}

function digest(summary: RunSummary): string {
  const run = summary.run;
  // The entries of a map come in any order.
  if (run !== undefined) run.attributes = Object.fromEntries(Object.entries(run.attributes).sort());
  return createHash("sha1").update(toBinary(RunSummarySchema, summary)).digest("base64");
}
