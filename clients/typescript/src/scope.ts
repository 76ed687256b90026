/** Which run and step the calling code is inside of. */

import { AsyncLocalStorage } from "node:async_hooks";

import type { Run } from "./run.js";
import type { Step } from "./step.js";

/** A run or a step: what steps are nested in. */
export type Scope = Run | Step;

const ENCLOSING = new AsyncLocalStorage<Scope>();

/** Return the run or step that the calling code is inside of. */
export function enclosing(): Scope | undefined {
  return ENCLOSING.getStore();
}

/** Call a body inside of a scope, and end the scope when the body, or the promise it returns, is done. */
export function inside<S extends Scope, T>(scope: S, body: (scope: S) => T): T {
  let result: T;
  try {
    result = ENCLOSING.run(scope, body, scope);
  } catch (error) {
    scope.finish(error, true);
    throw error;
  }
  if (!isPromise(result)) {
    scope.finish(undefined, false);
    return result;
  }
  const done = result.then(
    (value) => {
      scope.finish(undefined, false);
      return value;
    },
    (error: unknown) => {
      scope.finish(error, true);
      throw error;
    },
  );
  return done as T;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}
