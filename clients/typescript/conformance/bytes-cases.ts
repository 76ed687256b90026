/** Cases without a service: messages, limits and forms of strings. */

import { fromBinary, fromJson, toBinary, type JsonValue } from "@bufbuild/protobuf";

import { ListRunsResponseSchema } from "../src/gen/agenttrace/v1/query_service_pb.js";
import { FORMS, LIMITS } from "../src/limits.js";
import { schemaOf, type Case, type Observed } from "./services.js";

function encode(told: Case): Observed {
  const schema = schemaOf(told.message.type);
  return { bytes: base64(toBinary(schema, fromJson(schema, told.message.json as JsonValue))) };
}

function decode(told: Case): Observed {
  const schema = schemaOf(told.type);
  const again = base64(toBinary(schema, fromBinary(schema, bytes(told))));
  return told.id.startsWith("released/") ? { message: again } : { bytes: again };
}

function decodeRuns(told: Case): Observed {
  const answer = fromBinary(ListRunsResponseSchema, bytes(told));
  const runs = answer.runs.map((summary) => ({
    run_id: summary.run?.runId,
    status: summary.run?.status,
    step_count: Number(summary.stepCount),
    failure_types: summary.failureTypes,
  }));
  return { next_page_token: answer.nextPageToken, runs };
}

function refuse(told: Case): Observed {
  try {
    fromBinary(schemaOf(told.type), bytes(told));
  } catch {
    return { refused: true };
  }
  return { refused: false };
}

function forms(told: Case): Observed {
  const examples = told.examples as { form: keyof typeof FORMS; text: string }[];
  return { matches: examples.map(({ form, text }) => FORMS[form].test(text)) };
}

function bytes(told: Case): Uint8Array {
  return Buffer.from(told.bytes as string, "base64");
}

function base64(written: Uint8Array): string {
  return Buffer.from(written).toString("base64");
}

export const CASES = { encode, decode, decode_runs: decodeRuns, refuse, limits: () => ({ limits: LIMITS }), forms };
