/**
 * Every error of this package.
 *
 *     AgentTraceError
 *     ├── InvalidTokenError   a name given to Tracer is no token
 *     ├── InvalidValueError   an id, an endpoint or a certificate is not of its form
 *     └── CallError           a call of a server did not succeed
 */

import { Code, ConnectError } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const DOMAIN = "agenttrace";

/** The root of the tree. */
export class AgentTraceError extends Error {
  override readonly name: string = "AgentTraceError";
}

/** A name is no token. The message says which argument, never its value. */
export class InvalidTokenError extends AgentTraceError {
  override readonly name = "InvalidTokenError";
}

/** An id, an endpoint or a certificate is not of its form. */
export class InvalidValueError extends AgentTraceError {
  override readonly name = "InvalidValueError";
}

/** A call of a server did not succeed. */
export class CallError extends AgentTraceError {
  override readonly name = "CallError";

  /** The name of the gRPC status, such as "NOT_FOUND". */
  readonly status: string;
  /** The server's reason, a value of ErrorReason without its prefix; empty where no server of ours answered. */
  readonly reason: string;
  /** What the server told beside the reason, such as the log id of an internal fault. */
  readonly facts: Readonly<Record<string, string>>;
  /** The fields that were refused. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** How long the server asks to wait; undefined where it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(failed: unknown) {
    const error = ConnectError.from(failed);
    super(error.rawMessage);
    const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === DOMAIN);
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.status = statusName(error.code);
    this.reason = info?.reason ?? "";
    this.facts = info?.metadata ?? {};
    this.violations = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
    this.retryAfterMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
}

/** The gRPC name of a status, such as "NOT_FOUND". */
export function statusName(code: Code): string {
  return code === Code.Canceled ? "CANCELLED" : Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
