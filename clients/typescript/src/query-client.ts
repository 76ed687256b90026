/** Reads runs, steps, failures and statistics. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client } from "@connectrpc/connect";

import { openChannel, type Channel } from "./channel.js";
import { CallError } from "./errors.js";
import type { FailureCode, FailureDetail } from "./gen/agenttrace/v1/failure_pb.js";
import {
  GetStatsRequestSchema,
  ListFailuresRequestSchema,
  ListRunsRequestSchema,
  ListStepsRequestSchema,
  QueryService,
  RunFilterSchema,
  WatchRunsRequestSchema,
  type GetRunResponse,
  type GetStatsResponse,
} from "./gen/agenttrace/v1/query_service_pb.js";
import type { RunSummary } from "./gen/agenttrace/v1/run_pb.js";
import type { Step as StepMessage } from "./gen/agenttrace/v1/step_pb.js";
import { checkedId } from "./ids.js";
import { Listing, type ListingRequest, type Page } from "./listing.js";
import { Watch } from "./watch.js";

const DEFAULT_ENDPOINT = "127.0.0.1:50052";

/** Where to read. */
export interface QueryClientOptions {
  /** The query service as `host:port`; AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052. */
  endpoint?: string;
  /** The key; AGENTTRACE_API_KEY, else none. */
  apiKey?: string;
  /** How long a call with one answer may take; 30 s when left out. Listings and watches have no limit. */
  timeoutMs?: number;
}

/** Requests and results are the messages of `agenttrace.v1`. A call that does not succeed throws a CallError. */
export class QueryClient implements Disposable {
  readonly #channel: Channel;
  readonly #client: Client<typeof QueryService>;
  readonly #timeoutMs: number;
  #closed = false;

  /** @throws InvalidValueError: the endpoint is none, or a file of certificates cannot be read. */
  constructor(options: QueryClientOptions = {}) {
    const endpoint = options.endpoint || process.env.AGENTTRACE_QUERY_ENDPOINT || DEFAULT_ENDPOINT;
    this.#channel = openChannel(endpoint, options.apiKey ?? process.env.AGENTTRACE_API_KEY ?? "");
    this.#client = createClient(QueryService, this.#channel.transport);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /** List runs, newest first. */
  runs(request: MessageInitShape<typeof ListRunsRequestSchema> = {}): Listing<RunSummary> {
    const asked = create(ListRunsRequestSchema, request);
    return this.#listing(asked, (signal) => this.#client.listRuns(asked, { signal }), (answer) => answer.runs);
  }

  /** List the steps of one run, or steps of many. */
  steps(request: MessageInitShape<typeof ListStepsRequestSchema> = {}): Listing<StepMessage> {
    const asked = create(ListStepsRequestSchema, request);
    return this.#listing(asked, (signal) => this.#client.listSteps(asked, { signal }), (answer) => answer.steps);
  }

  /** List failures, latest first. */
  failures(request: MessageInitShape<typeof ListFailuresRequestSchema> = {}): Listing<FailureDetail> {
    const asked = create(ListFailuresRequestSchema, request);
    return this.#listing(asked, (signal) => this.#client.listFailures(asked, { signal }), (answer) => answer.failures);
  }

  /** Return a run with its failures and all of its steps; throw a CallError with status NOT_FOUND if there is none. */
  async run(runId: string): Promise<GetRunResponse> {
    checkedId("runId", runId);
    const detail = await this.#answer((options) => this.#client.getRun({ runId }, options));
    if (detail.nextPageToken !== "") {
      for await (const step of this.steps({ runId, pageToken: detail.nextPageToken })) detail.steps.push(step);
      detail.nextPageToken = "";
    }
    return detail;
  }

  /** Return counts, rates, percentiles and breakdowns of the runs of a filter. */
  stats(request: MessageInitShape<typeof GetStatsRequestSchema> = {}): Promise<GetStatsResponse> {
    return this.#answer((options) => this.#client.getStats(request, options));
  }

  /** Return the operator's catalogue of failure codes. */
  async failureCodes(): Promise<FailureCode[]> {
    return (await this.#answer((options) => this.#client.listFailureCodes({}, options))).failureCodes;
  }

  /** Watch runs as they change; with a resume token from where an earlier watch was. */
  watch(filter: MessageInitShape<typeof RunFilterSchema> = {}, resumeToken = ""): Watch {
    const asked = create(WatchRunsRequestSchema, { filter, resumeToken });
    return new Watch(asked, (signal) => this.#client.watchRuns(asked, { signal }), () => this.#closed);
  }

  /** End the connection; a listing or watch that is being read throws a CallError. */
  close(): void {
    this.#closed = true;
    this.#channel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #answer<T>(call: (options: { timeoutMs: number }) => Promise<T>): Promise<T> {
    try {
      return await call({ timeoutMs: this.#timeoutMs });
    } catch (error) {
      throw new CallError(error);
    }
  }
  #listing<A extends { nextPageToken: string }, T>(
    request: ListingRequest,
    open: (signal: AbortSignal) => AsyncIterable<A>,
    items: (answer: A) => T[],
  ): Listing<T> {
    async function* pages(signal: AbortSignal): AsyncGenerator<Page<T>> {
      for await (const answer of open(signal)) yield { items: items(answer), nextPageToken: answer.nextPageToken };
    }
    return new Listing(request, pages, () => this.#closed);
  }
}
