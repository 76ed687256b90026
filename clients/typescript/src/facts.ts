/** The facts a step may carry beside its name, type and times: one table of names and kinds. */

import { isCount, isSpan, isToken } from "./forms.js";
import { FailureType } from "./gen/agenttrace/v1/failure_pb.js";
import { RunStatus } from "./gen/agenttrace/v1/run_pb.js";
import { StepType } from "./gen/agenttrace/v1/step_pb.js";

export const STEP_TYPES = {
  plan: StepType.PLAN,
  retrieve: StepType.RETRIEVE,
  tool: StepType.TOOL,
  model: StepType.MODEL,
  respond: StepType.RESPOND,
  handoff: StepType.HANDOFF,
  guardrail: StepType.GUARDRAIL,
  other: StepType.OTHER,
} as const;
export type StepTypeName = keyof typeof STEP_TYPES;

export const FAILURE_TYPES = {
  tool: FailureType.TOOL,
  model: FailureType.MODEL,
  retrieval: FailureType.RETRIEVAL,
  orchestration: FailureType.ORCHESTRATION,
} as const;
export type FailureTypeName = keyof typeof FAILURE_TYPES;

export const RUN_STATUSES = {
  success: RunStatus.SUCCESS,
  failure: RunStatus.FAILURE,
  partial: RunStatus.PARTIAL,
  cancelled: RunStatus.CANCELLED,
} as const;
export type RunStatusName = keyof typeof RUN_STATUSES;

/** The tokens of one call of a model: whole numbers. Absent means not known, which is not 0. */
export interface Usage {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cacheReadTokens?: number | undefined;
  cacheWriteTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  /** Whether inputTokens counts the tokens of the provider's cache. */
  inputIncludesCached?: boolean | undefined;
}

/**
 * Optional facts about a step. Names are tokens, counts whole numbers from 0 to 2^53 - 1. A fact that is not of its
 * kind is left out and counted in the receipt.
 */
export interface StepFacts extends Usage {
  /** The model asked for. */
  model?: string | undefined;
  /** Who serves the model, such as "openai". */
  provider?: string | undefined;
  /** The model that answered. */
  responseModel?: string | undefined;
  /** Why the model stopped, such as "stop". */
  finishReason?: string | undefined;
  /** From the request to the first token of the answer. */
  timeToFirstTokenMs?: number | undefined;
  /** What the call cost, in millionths of a US dollar. */
  costMicroUsd?: number | undefined;
  /** The tool's name, where it is not the step's. */
  tool?: string | undefined;
  /** The id the model gave the call. */
  toolCallId?: string | undefined;
  /** The collection a look-up asked. */
  source?: string | undefined;
  /** How many records a look-up found. */
  resultCount?: number | undefined;
}

/** Optional facts about a failure. */
export interface FailureFacts {
  /** Where it comes from; derived from the step's type when left out. */
  type?: FailureTypeName;
  /** The name of the error's class. */
  exceptionType?: string;
  /** The HTTP status of the answer that failed, 100 to 599. */
  httpStatus?: number;
  /** The gRPC status of the answer that failed, 0 to 16. */
  grpcStatus?: number;
  /** Whether trying again could help. */
  retryable?: boolean;
}

const isTruth = (value: unknown): boolean => typeof value === "boolean";

export const CHECKS: Readonly<Record<keyof StepFacts, (value: unknown) => boolean>> = {
  model: isToken,
  provider: isToken,
  responseModel: isToken,
  finishReason: isToken,
  tool: isToken,
  toolCallId: isToken,
  source: isToken,
  inputTokens: isCount,
  outputTokens: isCount,
  cacheReadTokens: isCount,
  cacheWriteTokens: isCount,
  reasoningTokens: isCount,
  costMicroUsd: isCount,
  resultCount: isCount,
  timeToFirstTokenMs: isSpan,
  inputIncludesCached: isTruth,
};
