/** From what was recorded to messages of the contract; done when a batch is sent. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { duration, timestamp } from "./clock.js";
import type { StepFacts } from "./facts.js";
import type { Attribute } from "./forms.js";
import { AttributeValueSchema, type AttributeValue } from "./gen/agenttrace/v1/run_pb.js";
import {
  InputTokenSemantics,
  ModelCallSchema,
  RetrievalSchema,
  StepSchema,
  StepStatus,
  ToolCallSchema,
  UsageSchema,
  type ModelCall,
  type Step as StepMessage,
  type Usage,
} from "./gen/agenttrace/v1/step_pb.js";
import type { Step } from "./step.js";

/** Return the message of a step that has ended. */
export function stepMessage(step: Step): StepMessage {
  const message = create(StepSchema);
  message.runId = step.run.runId;
  message.stepId = step.stepId;
  message.parentStepId = step.parent === step.run ? "" : (step.parent as Step).stepId;
  message.sequence = step.sequence;
  message.type = step.type;
  message.name = step.name;
  message.status = step.failed ? StepStatus.ERROR : StepStatus.OK;
  message.attempt = step.attempt;
  message.retryOfStepId = step.retryOf;
  message.startTime = timestamp(step.startTime);
  message.endTime = timestamp(step.endTime);
  addFacts(message, step.facts);
  for (const [key, value] of step.attributes ?? []) message.attributes[key] = attributeValue(value);
  return message;
}

/** Return an attribute's value as a message. */
export function attributeValue(value: Attribute): AttributeValue {
  return create(AttributeValueSchema, { value: attributeCase(value) });
}

function attributeCase(value: Attribute): NonNullable<MessageInitShape<typeof AttributeValueSchema>["value"]> {
  switch (typeof value) {
    case "string":
      return { case: "stringValue", value };
    case "boolean":
      return { case: "boolValue", value };
    case "bigint":
      return { case: "intValue", value };
    default:
      // Beyond 2^53 a number may be no whole number any more.
      return Number.isSafeInteger(value) ? { case: "intValue", value: BigInt(value) } : { case: "doubleValue", value };
  }
}

function addFacts(message: StepMessage, facts: StepFacts): void {
  if (Object.keys(facts).length === 0) return;
  const model = modelCall(facts);
  if (model !== undefined) message.model = model;
  if (facts.tool !== undefined || facts.toolCallId !== undefined) {
    message.tool = create(ToolCallSchema, known({ name: facts.tool, callId: facts.toolCallId }));
  }
  if (facts.source !== undefined || facts.resultCount !== undefined) {
    message.retrieval = create(RetrievalSchema, known({ source: facts.source, resultCount: whole(facts.resultCount) }));
  }
}

function modelCall(facts: StepFacts): ModelCall | undefined {
  const fields = known({
    provider: facts.provider,
    requestModel: facts.model,
    responseModel: facts.responseModel,
    finishReason: facts.finishReason,
    costMicroUsd: whole(facts.costMicroUsd),
    timeToFirstToken: facts.timeToFirstTokenMs === undefined ? undefined : duration(facts.timeToFirstTokenMs),
    usage: usage(facts),
  });
  return Object.keys(fields).length === 0 ? undefined : create(ModelCallSchema, fields);
}

function usage(facts: StepFacts): Usage | undefined {
  const cached = facts.inputIncludesCached;
  const { INCLUDES_CACHED, EXCLUDES_CACHED } = InputTokenSemantics;
  const fields = known({
    inputTokens: whole(facts.inputTokens),
    outputTokens: whole(facts.outputTokens),
    cacheReadTokens: whole(facts.cacheReadTokens),
    cacheWriteTokens: whole(facts.cacheWriteTokens),
    reasoningTokens: whole(facts.reasoningTokens),
    inputTokenSemantics: cached === undefined ? undefined : cached ? INCLUDES_CACHED : EXCLUDES_CACHED,
  });
  return Object.keys(fields).length === 0 ? undefined : create(UsageSchema, fields);
}

function whole(count: number | undefined): bigint | undefined {
  return count === undefined ? undefined : BigInt(count);
}

/** Return the fields that are there. */
function known<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const found = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
