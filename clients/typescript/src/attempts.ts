/** Attempts at the same work: each is its own step, linked to the first. */

import { setTimeout as pause } from "node:timers/promises";

import { isCancellation } from "./classify.js";
import type { StepFacts, StepTypeName } from "./facts.js";
import { inside, type Scope } from "./scope.js";
import type { Body, Step } from "./step.js";

/** Classes of errors, or what tells whether an error is worth another attempt. */
export type RetryOn = readonly (abstract new (...args: any[]) => unknown)[] | ((error: unknown) => boolean);

/** How often work is tried, and facts about each of its steps. */
export interface AttemptOptions extends StepFacts {
  /** How many attempts there are at most; 3 when left out. */
  maxAttempts?: number;
  /** Which errors are worth another attempt; all but cancellations when left out. */
  retryOn?: RetryOn;
  /** How long to wait after an attempt that failed, which is the first, second and so on; not at all when left out. */
  pauseMs?: number | ((attempt: number) => number);
}

/** @internal Try work until it succeeds, or its last attempt has failed. */
export async function retrying<T>(
  scope: Scope,
  type: StepTypeName,
  name: string,
  options: AttemptOptions,
  body: Body<T>,
): Promise<Awaited<T>> {
  const { maxAttempts = 3, retryOn = (error: unknown) => !isCancellation(error), pauseMs = 0, ...facts } = options;
  let earlier: Step | undefined;
  for (let number = 1; ; number++) {
    const step = scope.startStep(type, name, facts);
    if (earlier !== undefined) step.repeats(earlier);
    step.toRepeat = earlier?.failedInside;
    step.failedInside = new Map();
    const outcome = await attempt(step, body, (error) => number < maxAttempts && isWorthIt(retryOn, error));
    if ("value" in outcome && (number >= maxAttempts || !step.failed)) return outcome.value;
    earlier = step;
    const delay = typeof pauseMs === "function" ? pauseMs(number) : pauseMs;
    if (delay > 0) await pause(delay);
  }
}

/** Do one attempt; an error that is retried is caught. */
async function attempt<T>(
  step: Step,
  body: Body<T>,
  isRetried: (error: unknown) => boolean,
): Promise<{ value: Awaited<T> } | { retried: true }> {
  let retried = false;
  const work = async (): Promise<Awaited<T>> => {
    try {
      return await body(step);
    } catch (error) {
      retried = isRetried(error);
      if (retried) step.finish(error, true, true);
      throw error;
    }
  };
  try {
    return { value: await inside(step, work) };
  } catch (error) {
    if (retried) return { retried };
    throw error;
  }
}

function isWorthIt(retryOn: RetryOn, error: unknown): boolean {
  return typeof retryOn === "function" ? retryOn(error) : retryOn.some((kind) => error instanceof kind);
}
