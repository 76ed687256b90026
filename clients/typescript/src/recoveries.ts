/** Which steps are attempts at the same work, and which failures a later attempt made good. */

import type { Scope } from "./scope.js";
import type { Step } from "./step.js";

/** Steps that failed, by their type and name. */
export type FailedSteps = Map<string, Step>;

/** Follows the failed steps of one run, as the server does when it reads them: `recovered` in failure.proto. */
export class Recoveries {
  // The last attempt that failed and the last that succeeded, by the first attempt's id.
  readonly #failed = new Map<string, number>();
  readonly #succeeded = new Map<string, number>();

  /** Take a step that has ended; in any order. */
  take(step: Step): void {
    const attempts = step.failed ? this.#failed : this.#succeeded;
    const first = step.retryOf || step.stepId;
    attempts.set(first, Math.max(step.attempt, attempts.get(first) ?? 0));
  }

  /** Whether a later attempt succeeded wherever a step failed. */
  get complete(): boolean {
    return [...this.#failed].every(([first, attempt]) => (this.#succeeded.get(first) ?? 0) > attempt);
  }
}

/** Remember a failed step, if it is inside of an attempt: the next attempt may do the same again. */
export function noteFailed(step: Step): void {
  let outer: Scope | undefined = step.parent;
  while (outer !== undefined && outer.failedInside === undefined) outer = outer.parent;
  if (outer !== undefined) (step.parent.failedInside ??= new Map()).set(step.work, step);
}

/** Forget the failed step that this one made good: what comes after it is other work. */
export function noteMadeGood(step: Step): void {
  step.parent.failedInside?.delete(step.work);
}

/** Make a step the next attempt at the work of one like it that failed in the attempt before. */
export function repeat(step: Step): void {
  const earlier = step.parent.toRepeat?.get(step.work);
  if (earlier === undefined || step.retryOf !== "") return;
  step.parent.toRepeat?.delete(step.work);
  step.repeats(earlier);
  step.toRepeat = earlier.failedInside;
}
