import assert from "node:assert/strict";
import { test } from "node:test";

import { Code, ConnectError } from "@connectrpc/connect";

import { className, Classifier, grpcStatusOf, httpStatusOf, isCancellation } from "../src/classify.js";
import { InvalidTokenError } from "../src/index.js";

class RateLimitError extends Error {}
class MyRateLimitError extends RateLimitError {}
class APIError extends Error {
  constructor(readonly status: number) {
    super();
  }
}

const withFields = (fields: object): Error => Object.assign(new Error("some text"), fields);
const code = (error: unknown): string => new Classifier().code(error);

test("codes come from classes, codes, statuses and causes", () => {
  const found: [unknown, string][] = [
    [new RateLimitError(), "rate_limited"],
    [new MyRateLimitError(), "rate_limited"],
    [new SyntaxError("bad JSON"), "schema_invalid"],
    [new DOMException("late", "TimeoutError"), "timeout"],
    [new DOMException("ended", "AbortError"), "cancelled"],
    [withFields({ code: "ENOENT" }), "not_found"],
    [new TypeError("fetch failed", { cause: withFields({ code: "ECONNREFUSED" }) }), "connection_failed"],
    [new APIError(429), "rate_limited"],
    [new APIError(503), "unavailable"],
    [withFields({ response: { status: 404 } }), "not_found"],
    [new ConnectError("away", Code.Unavailable), "unavailable"],
    [withFields({ code: 4, details: "late", metadata: {} }), "timeout"],
    [new AggregateError([new Error(), new RateLimitError()]), "rate_limited"],
    [new Error("rate limit"), "uncaught_exception"],
    ["a string", "uncaught_exception"],
    [undefined, "uncaught_exception"],
  ];

  assert.deepEqual(found.map(([error]) => code(error)), found.map(([, expected]) => expected));
});

test("the host's own codes come first, by any class of the error", () => {
  const own = new Classifier({ RateLimitError: "my_limit", APIError: (error: APIError) => `status_${error.status}` });

  assert.equal(own.code(new MyRateLimitError()), "my_limit");
  assert.equal(own.code(new APIError(429)), "status_429");
});

test("an own code that fails, or tells no token, leaves it to the table", () => {
  const failing = new Classifier({
    RateLimitError: () => {
      throw new Error("a fault of the host's");
    },
    APIError: () => "two words",
  });

  assert.equal(failing.code(new RateLimitError()), "rate_limited");
  assert.equal(failing.code(new APIError(503)), "unavailable");
  assert.throws(() => new Classifier({ APIError: "two words" }), InvalidTokenError);
});

test("statuses and names are read, texts are not", () => {
  assert.equal(httpStatusOf(new APIError(503)), 503);
  assert.equal(httpStatusOf(new APIError(200)), undefined);
  assert.equal(grpcStatusOf(new ConnectError("x", Code.NotFound)), 5);
  assert.equal(className(new MyRateLimitError("secret text")), "MyRateLimitError");
  assert.equal(className(Object.assign(new Error(), { name: "two words" })), "");
});

test("a cancellation is no failure, and errors that fail to be read are none of ours", () => {
  const hostile = Object.defineProperty(new Error(), "name", {
    get() {
      throw new Error("no");
    },
  });

  assert.equal(isCancellation(new DOMException("x", "AbortError")), true);
  assert.equal(code(hostile), "uncaught_exception");
});
