/** What may be recorded: tokens, counts and attributes, told from the table in limits.json. */

import { FORMS, LIMITS, isContentKey } from "./limits.js";

/** A fact under a key: a token, a number or a truth value. */
export type Attribute = string | number | bigint | boolean;

const CACHE_SIZE = 4096;
const INT64 = 2n ** 63n;
const knownTokens = new Set<string>();
// Whether a key takes strings; undefined for what is no key.
const knownKeys = new Map<string, boolean>();

/** Whether the value is a token; fast for one seen before. */
export function isToken(value: unknown): value is string {
  if (typeof value !== "string") return false;
  if (knownTokens.has(value)) return true;
  if (!FORMS.token.test(value)) return false;
  if (knownTokens.size >= CACHE_SIZE) knownTokens.clear();
  knownTokens.add(value);
  return true;
}

/** Whether the value is a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether the value may be stored under the key. */
export function isAttribute(key: string, value: unknown): value is Attribute {
  const takesStrings = knownKeys.get(key) ?? learnKey(key);
  if (takesStrings === undefined) return false;
  switch (typeof value) {
    case "string":
      return takesStrings && isToken(value);
    case "number":
      return Number.isFinite(value);
    case "bigint":
      return -INT64 <= value && value < INT64;
    default:
      return typeof value === "boolean";
  }
}

/** Whether the value is a length of time that the contract takes: 0 to 7 days, in milliseconds. */
export function isSpan(value: unknown): value is number {
  return typeof value === "number" && 0 <= value && value <= LIMITS.lease_seconds_max * 1000;
}

function learnKey(key: string): boolean | undefined {
  if (!FORMS.attribute_key.test(key)) return undefined;
  const takesStrings = !isContentKey(key);
  if (knownKeys.size < CACHE_SIZE) knownKeys.set(key, takesStrings);
  return takesStrings;
}
