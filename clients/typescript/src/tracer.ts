/** The tracer: opens the runs of one agent. */

import { create } from "@bufbuild/protobuf";

import { Classifier, type Code } from "./classify.js";
import { duration } from "./clock.js";
import { InvalidTokenError, InvalidValueError } from "./errors.js";
import { Exporter, type Bounds } from "./exporter.js";
import { isToken, type Attribute } from "./forms.js";
import { RunSchema, RunStatus, type Run as RunMessage } from "./gen/agenttrace/v1/run_pb.js";
import { Guard } from "./guard.js";
import { checkedId, newId } from "./ids.js";
import { LIMITS } from "./limits.js";
import type { Receipt } from "./receipt.js";
import { Run, type Origin } from "./run.js";
import { enclosing, inside } from "./scope.js";
import type { Send } from "./uploader.js";

const LEASE_SECONDS = 300;

/** Who records, and where to. */
export interface TracerOptions {
  /** The agent: a token. */
  agentId: string;
  /** Its version: a token. */
  agentVersion?: string;
  /** Where it runs: a token; the server reads none as "production". */
  environment?: string;
  /** The ingest service as `host:port`; AGENTTRACE_ENDPOINT, else 127.0.0.1:50051. */
  endpoint?: string;
  /** The key; AGENTTRACE_API_KEY, else none. */
  apiKey?: string;
  /** Codes of failures by the name of an error's class, before the package's own table. */
  classify?: Readonly<Record<string, Code>>;
  /** How much waits, and for how long. */
  bounds?: Partial<Bounds>;
  /** Takes the place of the network in tests. */
  send?: Send;
}

/** What is known of a run when it starts. A name that is no token is left out and counted. */
export interface RunFacts {
  /** The conversation, ticket or job it belongs to: a token. */
  sessionId?: string;
  /** The user it serves, as `userKey()` makes it: never an id. */
  userKey?: string;
  /** Labels: at most 32 tokens. */
  tags?: Iterable<string>;
  /** Facts under keys, as Step.set. */
  attributes?: Readonly<Record<string, Attribute>>;
  /** The run that starts this one, or its id; the current run when left out, "" for none. */
  parent?: Run | string;
  /** How long the server waits for a sign of life: 60 to 604,800, 300 when left out. An open run beats every 60 s. */
  leaseSeconds?: number;
}

/** Opens runs of one agent and delivers what is recorded in them. With AGENTTRACE_DISABLED=1 it records nothing. */
export class Tracer implements AsyncDisposable {
  readonly #options: TracerOptions;
  readonly #exporter: Exporter;
  readonly #origin: Origin;

  /**
   * @throws InvalidTokenError: a name or code is no token.
   * @throws InvalidValueError: the endpoint is none, or a file of certificates cannot be read.
   */
  constructor(options: TracerOptions) {
    for (const name of ["agentId", "agentVersion", "environment"] as const) {
      if (!isToken(options[name]) && (name === "agentId" || (options[name] ?? "") !== "")) {
        throw new InvalidTokenError(`${name} is no token: letters, digits and ._:/@+|-, no space, at most 128`);
      }
    }
    this.#options = options;
    this.#exporter = new Exporter(options);
    const guard = new Guard(this.#exporter.ledger, this.#exporter.notices);
    this.#origin = { exporter: this.#exporter, guard, classifier: new Classifier(options.classify) };
  }

  /**
   * Do a run: the body's value is returned, and its error goes on untouched. The run ends when the body, or the
   * promise it returns, is done; `step()` and `currentRun()` find it inside.
   */
  run<T>(body: (run: Run) => T): T;
  run<T>(facts: RunFacts, body: (run: Run) => T): T;
  run<T>(...args: [(run: Run) => T] | [RunFacts, (run: Run) => T]): T {
    const [facts, body] = args.length === 1 ? [{}, args[0]] : args;
    return inside(this.startRun(facts), body);
  }

  /**
   * Start a run, to be ended with `end()` or by `using`. It does not become the current run.
   *
   * @throws InvalidValueError: `parent` is no UUID, or `leaseSeconds` is out of its range.
   */
  startRun(facts: RunFacts = {}): Run {
    const attributes = new Map<string, Attribute>();
    this.#origin.guard.attributes(facts.attributes, attributes);
    return new Run(this.#origin, this.#firstMessage(facts), attributes);
  }

  /** What became of everything recorded so far. */
  receipt(): Receipt {
    return this.#exporter.receipt();
  }

  /** Wait until everything recorded so far is acknowledged, or for the timeout; return the receipt. */
  flush(timeoutMs = 10_000): Promise<Receipt> {
    return this.#exporter.flush(timeoutMs);
  }

  /** Wait until the queue is at most half full: for replays, which record faster than a network takes it. */
  room(): Promise<void> {
    return this.#exporter.room();
  }

  /** Deliver what waits, for at most so long, and stop; return the receipt. Closing again does nothing. */
  close(timeoutMs = 5_000): Promise<Receipt> {
    return this.#exporter.close(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #firstMessage(facts: RunFacts): RunMessage {
    const { guard } = this.#origin;
    const lease = facts.leaseSeconds ?? LEASE_SECONDS;
    if (!(LIMITS.lease_seconds_min <= lease && lease <= LIMITS.lease_seconds_max)) {
      throw new InvalidValueError("leaseSeconds is not from 60 to 604,800");
    }
    return create(RunSchema, {
      status: RunStatus.RUNNING,
      runId: newId(),
      agentId: this.#options.agentId,
      agentVersion: this.#options.agentVersion ?? "",
      environment: this.#options.environment ?? "",
      sessionId: guard.optionalName("sessionId", facts.sessionId),
      userKey: guard.userKey(facts.userKey),
      parentRunId: parentId(facts.parent),
      tags: guard.names("tag", facts.tags, LIMITS.tags),
      leaseDuration: duration(lease * 1000),
    });
  }
}

function parentId(parent: Run | string | undefined): string {
  const run = parent ?? enclosing()?.run ?? "";
  return typeof run === "string" ? checkedId("parent", run) : run.runId;
}
