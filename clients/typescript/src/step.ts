/** A step as the host holds it: begun, told about, and ended. */

import { causes, failureTypeOf, isCancellation, isStatus } from "./classify.js";
import { now } from "./clock.js";
import { stepMessage } from "./convert.js";
import { STEP_TYPES, type FailureFacts, type StepFacts, type StepTypeName, type Usage } from "./facts.js";
import { addFactsOf, failureOf, makeFailure, type FailureRecord } from "./failure.js";
import type { Attribute } from "./forms.js";
import type { UploadStepsRequest } from "./gen/agenttrace/v1/ingest_service_pb.js";
import { StepType } from "./gen/agenttrace/v1/step_pb.js";
import { newId } from "./ids.js";
import { retrying, type AttemptOptions } from "./attempts.js";
import { noteFailed, noteMadeGood, repeat, type FailedSteps } from "./recoveries.js";
import type { Run } from "./run.js";
import { inside, type Scope } from "./scope.js";

/** What is done in a step. */
export type Body<T> = (step: Step) => T;

const STEP_WEIGHT = 1000; // bytes on the wire and in memory, at most about
const ATTRIBUTE_WEIGHT = 220;

/**
 * One atomic step of a run. An error that leaves it, or `fail()`, makes it an error with a classified failure. It is
 * recorded when it ends; after that it takes nothing more.
 */
export class Step implements Disposable {
  readonly stepId = newId();
  readonly sequence: number;
  readonly startTime: number;
  readonly facts: StepFacts = {};
  readonly type: StepType;
  readonly name: string;
  readonly parent: Scope;
  readonly run: Run;
  attributes: Map<string, Attribute> | undefined;
  attempt = 1;
  /** The id of the first attempt, where this is a later one. */
  retryOf = "";
  endTime = 0;
  failure: FailureRecord | undefined;
  /** The last error that left a step inside of this one. */
  escaping: { error: unknown; failure: FailureRecord } | undefined;
  failedInside: FailedSteps | undefined;
  toRepeat: FailedSteps | undefined;

  /** @internal Made by the `step` methods of runs and steps. */
  constructor(parent: Scope, type: StepTypeName, name: string, facts?: StepFacts) {
    this.run = parent.run;
    this.parent = parent;
    this.type = STEP_TYPES[type] ?? this.#otherType();
    this.name = this.run.guard.name(name);
    this.run.guard.facts(facts, this.facts);
    this.sequence = this.run.nextSequence++;
    this.startTime = now();
    if (parent.toRepeat !== undefined) repeat(this);
  }

  /** Whether the step is an error. */
  get failed(): boolean {
    return this.failure !== undefined;
  }

  /** Do a step inside of this one. See Run.step. */
  step<T>(type: StepTypeName, name: string, body: Body<T>): T;
  step<T>(type: StepTypeName, name: string, facts: StepFacts, body: Body<T>): T;
  step<T>(type: StepTypeName, name: string, ...rest: [Body<T>] | [StepFacts, Body<T>]): T {
    return doStep(this, type, name, rest);
  }

  /** Begin a step inside of this one, to be ended with `end()` or by `using`. */
  startStep(type: StepTypeName, name: string, facts?: StepFacts): Step {
    return new Step(this, type, name, facts);
  }

  /** Try the same work several times inside of this step. See Run.attempts. */
  attempts<T>(type: StepTypeName, name: string, options: AttemptOptions, body: Body<T>): Promise<Awaited<T>> {
    return retrying(this, type, name, options, body);
  }

  /**
   * Add facts under keys: numbers, truth values, and strings that are tokens.
   *
   * `http_status` belongs to the failure if the step fails. A value that may not be stored is left out and counted.
   */
  set(attributes: Readonly<Record<string, Attribute>>): this {
    if (this.endTime === 0) this.run.guard.attributes(attributes, (this.attributes ??= new Map()));
    return this;
  }

  /** Tell how many tokens the model took. */
  usage(tokens: Usage): this {
    return this.tell(tokens);
  }

  /** Tell what the call cost, in millionths of a US dollar. */
  cost(costMicroUsd: number): this {
    return this.tell({ costMicroUsd });
  }

  /** Tell which collection was asked and how many records it gave. */
  retrieval(source: string, resultCount?: number): this {
    return this.tell({ source, resultCount });
  }

  /** Tell any other fact that StepFacts has, such as responseModel or finishReason. */
  tell(facts: StepFacts): this {
    if (this.endTime === 0) this.run.guard.facts(facts, this.facts);
    return this;
  }

  /** Make the step an error: by a code such as "empty_retrieval", or by an error, which is classified. */
  fail(reason: string | Error, facts: FailureFacts = {}): void {
    if (this.endTime !== 0) return;
    const type = failureTypeOf(this.type);
    if (typeof reason === "string") {
      this.failure = makeFailure(type, reason, facts, this.run.guard);
    } else {
      this.failure = makeFailure(type, this.run.classifier.code(reason), facts, this.run.guard);
      addFactsOf(this.failure, reason);
    }
  }

  /** End the step. The second call does nothing. */
  end(): void {
    this.finish(undefined, false);
  }

  /** End the step; what `using` does. It cannot see an error that leaves the block: use `fail()` there. */
  [Symbol.dispose](): void {
    this.end();
  }

  /** @internal End the step, with what was thrown out of it; `retried` if that was caught for a retry. */
  finish(error: unknown, thrown: boolean, retried = false): void {
    if (this.endTime !== 0) return;
    this.endTime = Math.max(now(), this.startTime);
    if (thrown) this.#failWith(error, retried);
    if (this.failure !== undefined) {
      this.#completeFailure(this.failure);
      noteFailed(this);
    } else if (this.retryOf !== "") {
      noteMadeGood(this);
    }
    this.escaping = undefined;
    this.run.record(this);
  }

  /** @internal By what a step of the next attempt is known to be the same work. */
  get work(): string {
    return `${this.type} ${this.name}`;
  }

  /** @internal Make the step the next attempt at the work of an earlier one. */
  repeats(earlier: Step): void {
    this.retryOf = earlier.retryOf || earlier.stepId;
    this.attempt = earlier.attempt + 1;
  }

  /** @internal How much of the queue it takes. */
  get weight(): number {
    return STEP_WEIGHT + ATTRIBUTE_WEIGHT * (this.attributes?.size ?? 0);
  }

  /** @internal Add the step to a batch. */
  addTo(batch: UploadStepsRequest): void {
    batch.steps.push(stepMessage(this));
  }

  #failWith(error: unknown, retried: boolean): void {
    if (this.failure === undefined) {
      this.failure = failureOf(error, failureTypeOf(this.type), this.run.classifier);
      if (retried) this.failure.retryable = true;
    }
    addFactsOf(this.failure, error);
    const cause = this.escaping;
    if (cause !== undefined && causes(error).includes(cause.error)) this.failure.causedBy = cause.failure.id;
    // Siblings that are cancelled because this one failed did not cause what leaves the parent.
    if (!retried && (this.parent.escaping === undefined || !isCancellation(error))) {
      this.parent.escaping = { error, failure: this.failure };
    }
  }

  #completeFailure(failure: FailureRecord): void {
    failure.runId = this.run.runId;
    failure.stepId = this.stepId;
    failure.occurTime = this.endTime;
    const status = this.attributes?.get("http_status");
    if (isStatus(status, 100, 599)) {
      this.attributes?.delete("http_status");
      failure.httpStatus ??= status;
    }
  }

  #otherType(): StepType {
    this.run.guard.unknownType();
    return StepType.OTHER;
  }
}

/** @internal Do a step inside of a scope. */
export function doStep<T>(
  scope: Scope,
  type: StepTypeName,
  name: string,
  rest: [Body<T>] | [StepFacts, Body<T>],
): T {
  const [facts, body] = rest.length === 1 ? [undefined, rest[0]] : rest;
  return inside(new Step(scope, type, name, facts), body);
}
