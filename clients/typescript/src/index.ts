/** Records what AI agents do - runs, their ordered steps, classified failures - and never what they say. */

import type { Run } from "./run.js";
import { enclosing } from "./scope.js";
import { Step } from "./step.js";

export type { AttemptOptions, RetryOn } from "./attempts.js";
export type { Code } from "./classify.js";
export { AgentTraceError, CallError, InvalidTokenError, InvalidValueError } from "./errors.js";
export type { Bounds } from "./exporter.js";
export type { FailureFacts, FailureTypeName, RunStatusName, StepFacts, StepTypeName, Usage } from "./facts.js";
export type { Attribute } from "./forms.js";
export { userKey } from "./ids.js";
export { LIMITS } from "./limits.js";
export { Listing, type Page } from "./listing.js";
export { QueryClient, type QueryClientOptions } from "./query-client.js";
export type { Receipt } from "./receipt.js";
export { Run } from "./run.js";
export { Step, type Body } from "./step.js";
export { Tracer, type RunFacts, type TracerOptions } from "./tracer.js";
export type { Send } from "./uploader.js";
export { Watch, type WatchEvent } from "./watch.js";

/** Return the run that the calling code is inside of. */
export function currentRun(): Run | undefined {
  return enclosing()?.run;
}

/** Return the step that the calling code is inside of. */
export function currentStep(): Step | undefined {
  const scope = enclosing();
  return scope instanceof Step ? scope : undefined;
}
