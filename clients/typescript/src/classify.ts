/**
 * Which failure an error is: found by the name of its class, its `code` and its status, never by its text.
 *
 * The error is looked at first, then its `cause` and, of an AggregateError, its members. Of each the classes are
 * looked at from the most special to the most general: the host's own entries, then the table of error-codes.ts.
 */

import { CARRIERS, CODES_BY_NAME, CODES_BY_NODE_CODE, codeOfGrpc, codeOfHttp, DEFAULT_CODE } from "./error-codes.js";
import { InvalidTokenError } from "./errors.js";
import { isToken } from "./forms.js";
import { FailureType } from "./gen/agenttrace/v1/failure_pb.js";
import { StepType } from "./gen/agenttrace/v1/step_pb.js";

/** A code, or what tells the code of an error: "" for "go on looking". */
export type Code = string | ((error: any) => string);

const LOOKED_AT = 16; // errors of one chain or group
const GENERIC = new Set(["Error", "Object", "DOMException"]);

/** Return the type of a failure in a step of this type. */
export function failureTypeOf(stepType: StepType): FailureType {
  switch (stepType) {
    case StepType.TOOL:
      return FailureType.TOOL;
    case StepType.RETRIEVE:
      return FailureType.RETRIEVAL;
    case StepType.MODEL:
    case StepType.RESPOND:
      return FailureType.MODEL;
    default:
      return FailureType.ORCHESTRATION;
  }
}

/** Whether the error ends work from outside, which is no failure of the work. */
export function isCancellation(error: unknown): boolean {
  return weakCode(error) === "cancelled";
}

/** Return the name of an error's class if it is a token, else the empty string. */
export function className(error: unknown): string {
  return classNames(error).find(isToken) ?? "";
}

/** Return the error, what caused it and what it groups: the nearest first, each once. */
export function causes(error: unknown): unknown[] {
  const found = [error];
  for (const one of found) {
    const members = read(one, "errors");
    for (const inner of [read(one, "cause"), ...(Array.isArray(members) ? members : [])]) {
      if (inner != null && found.length < LOOKED_AT && !found.includes(inner)) found.push(inner);
    }
  }
  return found;
}

/** Return the status of the HTTP answer that the error carries, 400 to 599. */
export function httpStatusOf(error: unknown): number | undefined {
  const holders = [error, read(error, "response")];
  const found = holders.flatMap((holder) => ["status", "statusCode", "code"].map((name) => read(holder, name)));
  return found.find((status): status is number => isStatus(status, 400, 599));
}

/** Return the gRPC status that the error carries, 1 to 16. */
export function grpcStatusOf(error: unknown): number | undefined {
  // Those of @grpc/grpc-js have no class of their own.
  const isGrpc = read(error, "name") === "ConnectError" || typeof read(error, "details") === "string";
  const code = read(error, "code");
  return isGrpc && isStatus(code, 1, 16) ? code : undefined;
}

/** Whether this is a whole number in a range. */
export function isStatus(status: unknown, lowest: number, highest: number): status is number {
  return Number.isInteger(status) && lowest <= (status as number) && (status as number) <= highest;
}

/** The table of codes with the host's own entries before it. */
export class Classifier {
  readonly #own: ReadonlyMap<string, Code>;

  /** @throws InvalidTokenError: a code of `own` is no token. */
  constructor(own: Readonly<Record<string, Code>> = {}) {
    this.#own = new Map(Object.entries(own));
    if (![...this.#own.values()].every((code) => typeof code === "function" || isToken(code))) {
      throw new InvalidTokenError("a code in classify is no token");
    }
  }

  /** Return the code of an error. */
  code(error: unknown): string {
    const found = causes(error);
    const first = (codeOf: (one: unknown) => string): string => found.map(codeOf).find((code) => code !== "") ?? "";
    return first((one) => this.#ownCode(one) || strongCode(one)) || first(weakCode) || DEFAULT_CODE;
  }

  #ownCode(error: unknown): string {
    if (this.#own.size === 0) return "";
    const codes = classNames(error).map((name) => told(this.#own.get(name), error));
    return codes.find((code) => code !== "") ?? "";
  }
}

/** Return what an own entry says; nothing if it is a function that fails or tells no token. */
function told(code: Code | undefined, error: unknown): string {
  if (typeof code !== "function") return code ?? "";
  try {
    const answer = code(error);
    return isToken(answer) ? answer : "";
  } catch {
    return "";
  }
}

/** Return the code of one error; nothing where what caused it may tell more. */
function strongCode(error: unknown): string {
  const carried = codeOfGrpc(grpcStatusOf(error));
  if (carried !== "") return carried;
  const names = classNames(error);
  const carrier = names.findIndex((name) => CARRIERS.has(name));
  const telling = carrier < 0 ? names : names.slice(0, carrier);
  return codeOfNames(telling) || codeOfNode(error) || codeOfHttp(httpStatusOf(error));
}

/** Return the code by the class of an error, whatever it carries. */
function weakCode(error: unknown): string {
  return codeOfNames(classNames(error)) || codeOfNode(error);
}

function codeOfNames(names: string[]): string {
  return names.map((name) => CODES_BY_NAME.get(name)).find((code) => code !== undefined) ?? "";
}

function codeOfNode(error: unknown): string {
  const code = read(error, "code");
  return (typeof code === "string" && CODES_BY_NODE_CODE.get(code)) || "";
}

/** Return the error's `name`, then the names of its classes from the most special on; no general ones. */
function classNames(error: unknown): string[] {
  if (typeof error !== "object" || error === null) return [];
  const names = [read(error, "name")];
  for (let proto: unknown = Object.getPrototypeOf(error); proto !== null; proto = Object.getPrototypeOf(proto)) {
    names.push(read(read(proto, "constructor"), "name"));
  }
  // A class that sets no `name` has that of Error: then its constructor tells.
  return [...new Set(names)].filter((name): name is string => typeof name === "string" && !GENERIC.has(name));
}

/** Return a property of the host's; undefined where there is none, or reading it fails. */
function read(holder: unknown, name: string): unknown {
  try {
    return (holder as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}
