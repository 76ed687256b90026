/** A failure on its way to the exporter. */

import { create } from "@bufbuild/protobuf";

import { className, grpcStatusOf, httpStatusOf, isStatus, type Classifier } from "./classify.js";
import { timestamp } from "./clock.js";
import { FAILURE_TYPES, type FailureFacts } from "./facts.js";
import { FailureSchema, type FailureType } from "./gen/agenttrace/v1/failure_pb.js";
import type { UploadStepsRequest } from "./gen/agenttrace/v1/ingest_service_pb.js";
import type { Guard } from "./guard.js";
import { newId } from "./ids.js";

/** A failure of a step, or with an empty step of a run. */
export class FailureRecord {
  readonly id = newId();
  readonly weight = 800;
  runId = "";
  stepId = "";
  exceptionType = "";
  httpStatus: number | undefined;
  grpcStatus: number | undefined;
  retryable: boolean | undefined;
  causedBy = "";
  occurTime = 0;

  constructor(
    readonly type: FailureType,
    readonly code: string,
  ) {}

  /** Add the failure to a batch. */
  addTo(batch: UploadStepsRequest): void {
    batch.failures.push(
      create(FailureSchema, {
        failureId: this.id,
        runId: this.runId,
        stepId: this.stepId,
        type: this.type,
        code: this.code,
        exceptionType: this.exceptionType,
        causedByFailureId: this.causedBy,
        occurTime: timestamp(this.occurTime),
        ...(this.httpStatus !== undefined && { httpStatus: this.httpStatus }),
        ...(this.grpcStatus !== undefined && { grpcStatus: this.grpcStatus }),
        ...(this.retryable !== undefined && { retryable: this.retryable }),
      }),
    );
  }
}

/** Return the failure that an error is: its code, class and statuses, never its text. */
export function failureOf(error: unknown, type: FailureType, classifier: Classifier): FailureRecord {
  const failure = new FailureRecord(type, classifier.code(error));
  addFactsOf(failure, error);
  return failure;
}

/** Give a failure the class and the statuses of its error, where none was told. */
export function addFactsOf(failure: FailureRecord, error: unknown): void {
  failure.exceptionType ||= className(error);
  failure.httpStatus ??= httpStatusOf(error);
  failure.grpcStatus ??= grpcStatusOf(error);
}

/** Return a failure with the facts that are of their kind. */
export function makeFailure(type: FailureType, code: string, facts: FailureFacts, guard: Guard): FailureRecord {
  const told = facts.type === undefined ? undefined : FAILURE_TYPES[facts.type];
  const failure = new FailureRecord(told ?? type, guard.name(code));
  failure.exceptionType = guard.optionalName("exceptionType", facts.exceptionType);
  if (isStatus(facts.httpStatus, 100, 599)) failure.httpStatus = facts.httpStatus;
  if (isStatus(facts.grpcStatus, 0, 16)) failure.grpcStatus = facts.grpcStatus;
  if (typeof facts.retryable === "boolean") failure.retryable = facts.retryable;
  return failure;
}
