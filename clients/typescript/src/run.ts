/** A run as the host holds it: started, filled with steps, and ended. */

import { clone } from "@bufbuild/protobuf";

import { retrying, type AttemptOptions } from "./attempts.js";
import { causes, isCancellation, type Classifier } from "./classify.js";
import { now, timestamp } from "./clock.js";
import { attributeValue } from "./convert.js";
import type { Exporter } from "./exporter.js";
import {
  FAILURE_TYPES,
  RUN_STATUSES,
  type FailureFacts,
  type RunStatusName,
  type StepFacts,
  type StepTypeName,
} from "./facts.js";
import { failureOf, makeFailure, type FailureRecord } from "./failure.js";
import type { Attribute } from "./forms.js";
import type { UploadStepsRequest } from "./gen/agenttrace/v1/ingest_service_pb.js";
import { RunSchema, RunStatus, type Run as RunMessage } from "./gen/agenttrace/v1/run_pb.js";
import type { Guard } from "./guard.js";
import { LIMITS } from "./limits.js";
import { Recoveries, type FailedSteps } from "./recoveries.js";
import { enclosing, type Scope } from "./scope.js";
import { doStep, Step, type Body } from "./step.js";

const RUN_WEIGHT = 1500;
const ATTRIBUTE_WEIGHT = 220;

/** @internal What the runs of one tracer share. */
export interface Origin {
  readonly exporter: Exporter;
  readonly guard: Guard;
  readonly classifier: Classifier;
}

/** @internal A message about a run on its way to the exporter. */
export class RunRecord {
  constructor(
    private readonly message: RunMessage,
    readonly weight: number,
  ) {}

  addTo(batch: UploadStepsRequest): void {
    batch.runs.push(this.message);
  }
}

/**
 * One execution of an agent. Its status follows from what happened in it: an error that leaves it or `fail()` makes
 * it a failure, a failed step that no retry made good makes it partial, a cancellation cancelled, and all else a
 * success. `setStatus()` overrules that.
 */
export class Run implements Disposable {
  readonly runId: string;
  /** @internal */ readonly run: Run = this;
  /** @internal */ readonly parent: undefined;
  /** @internal */ readonly guard: Guard;
  /** @internal */ readonly classifier: Classifier;
  /** @internal */ nextSequence = 0;
  /** @internal */ escaping: { error: unknown; failure: FailureRecord } | undefined;
  // What a step has of the attempt that it is, or is inside of: a run is none.
  /** @internal */ failedInside: FailedSteps | undefined;
  /** @internal */ readonly toRepeat: FailedSteps | undefined;
  readonly #exporter: Exporter;
  readonly #base: RunMessage;
  readonly #startTime: number;
  readonly #told: Map<string, Attribute>;
  readonly #attributes: Map<string, Attribute>;
  readonly #recoveries = new Recoveries();
  #stepCount = 0;
  #failed = false;
  #status: RunStatusName | undefined;
  #endedAs: RunStatusName | undefined;

  /** @internal Made by Tracer. `attributes` are those of the start. */
  constructor(origin: Origin, base: RunMessage, attributes: Map<string, Attribute>) {
    this.#exporter = origin.exporter;
    this.guard = origin.guard;
    this.classifier = origin.classifier;
    this.runId = base.runId;
    this.#startTime = now();
    this.#base = base;
    this.#told = attributes;
    this.#attributes = new Map(attributes);
    base.startTime = timestamp(this.#startTime);
    this.#send(RunStatus.RUNNING);
    origin.exporter.keepAlive(this);
  }

  /** Where the run stands, as told or as it follows from what happened. */
  get status(): RunStatusName | "running" {
    return this.#endedAs ?? "running";
  }

  /**
   * Do a step: the body's value is returned, its error goes on untouched after it has made the step an error. The
   * step ends when the body, or the promise it returns, is done. Inside of another step of this run it is nested.
   *
   * @param type What kind of step it is. An unknown word is recorded as "other".
   * @param name What it is called: a token. Recorded as `invalid_name` if it is none.
   */
  step<T>(type: StepTypeName, name: string, body: Body<T>): T;
  step<T>(type: StepTypeName, name: string, facts: StepFacts, body: Body<T>): T;
  step<T>(type: StepTypeName, name: string, ...rest: [Body<T>] | [StepFacts, Body<T>]): T {
    return doStep(this.#scope(), type, name, rest);
  }

  /** Begin a step, to be ended with `end()` or by `using`; other steps are not nested in it by themselves. */
  startStep(type: StepTypeName, name: string, facts?: StepFacts): Step {
    return new Step(this.#scope(), type, name, facts);
  }

  /**
   * Try the same work until it succeeds, each attempt its own step; return the value of the one that succeeds, or
   * throw the error of the last. An attempt that called `step.fail()` is followed by the next, too.
   */
  attempts<T>(type: StepTypeName, name: string, options: AttemptOptions, body: Body<T>): Promise<Awaited<T>> {
    return retrying(this.#scope(), type, name, options, body);
  }

  /** Add facts about the run under keys; told with its end. A key has one value: the first that was told. */
  set(attributes: Readonly<Record<string, Attribute>>): this {
    const fresh = new Map<string, Attribute>();
    this.guard.attributes(attributes, fresh);
    const changed = [...fresh].filter(([key, value]) => this.#told.has(key) && this.#told.get(key) !== value);
    if (changed.length > 0) this.guard.refuseFacts(changed.length);
    for (const [key] of changed) fresh.delete(key);
    this.guard.attributes(Object.fromEntries(fresh), this.#attributes);
    return this;
  }

  /** Say how the run ended, whatever happened in it. */
  setStatus(status: RunStatusName): void {
    this.#status = status;
  }

  /** Record a failure of the run as a whole, by a code such as "task_not_completed", and make it a failure. */
  fail(code: string, facts: FailureFacts = {}): void {
    this.#failed = true;
    this.#recordFailure(makeFailure(FAILURE_TYPES.orchestration, code, facts, this.guard));
  }

  /** End the run. The second call does nothing. */
  end(status?: RunStatusName): void {
    if (status !== undefined) this.setStatus(status);
    this.finish(undefined, false);
  }

  /** End the run; what `using` does. It cannot see an error that leaves the block: use `fail()` there. */
  [Symbol.dispose](): void {
    this.end();
  }

  /** @internal End the run, with what was thrown out of it. */
  finish(error: unknown, thrown: boolean): void {
    if (this.#endedAs !== undefined) return;
    const cancelled = thrown && isCancellation(error);
    if (thrown && !cancelled) this.#failWith(error);
    this.escaping = undefined;
    this.#exporter.letGo(this);
    this.#endedAs = this.#status ?? (cancelled ? "cancelled" : this.#derivedStatus());
    this.#send(RUN_STATUSES[this.#endedAs] ?? RunStatus.SUCCESS);
  }

  /** @internal Take a step that has ended. */
  record(step: Step): void {
    this.#stepCount += 1;
    if (step.failed || step.retryOf !== "") this.#recoveries.take(step);
    this.#exporter.record(step, step.failure);
  }

  /** @internal Say that the run is alive. */
  beat(): void {
    const message = clone(RunSchema, this.#base);
    message.heartbeatTime = timestamp(now());
    this.#exporter.recordRun(new RunRecord(message, RUN_WEIGHT));
  }

  #scope(): Scope {
    const outer = enclosing();
    return outer?.run === this && (outer as Step).endTime === 0 ? outer : this;
  }

  #derivedStatus(): RunStatusName {
    if (this.#failed) return "failure";
    return this.#recoveries.complete ? "success" : "partial";
  }

  /** Record the error as the run's own failure, unless it is a step's already. */
  #failWith(error: unknown): void {
    this.#failed = true;
    if (this.escaping !== undefined && causes(error).includes(this.escaping.error)) return;
    this.#recordFailure(failureOf(error, FAILURE_TYPES.orchestration, this.classifier));
  }

  #recordFailure(failure: FailureRecord): void {
    failure.runId = this.runId;
    failure.occurTime = now();
    this.#exporter.record(failure);
  }

  /** Send a message with everything known: any of a run's messages may arrive first or alone. */
  #send(status: RunStatus): void {
    const message = clone(RunSchema, this.#base);
    message.status = status;
    for (const [key, value] of this.#attributes) message.attributes[key] = attributeValue(value);
    if (status !== RunStatus.RUNNING) {
      message.endTime = timestamp(Math.max(now(), this.#startTime));
      message.expectedStepCount = Math.min(this.#stepCount, LIMITS.steps_per_run);
    }
    this.#exporter.recordRun(new RunRecord(message, RUN_WEIGHT + ATTRIBUTE_WEIGHT * this.#attributes.size));
  }
}
