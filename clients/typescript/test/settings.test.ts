import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { openChannel, urlOf } from "../src/channel.js";
import { InvalidValueError, Tracer } from "../src/index.js";
import { Network } from "./doubles.js";

afterEach(() => {
  delete process.env.AGENTTRACE_DISABLED;
  delete process.env.AGENTTRACE_ROOT_CERTIFICATES;
});

test("an endpoint without a scheme is plaintext on this machine and TLS elsewhere", () => {
  const endpoints = ["127.0.0.1:50051", "localhost:1", "[::1]:1", "traces.example:443", "localhost.example:1"];
  const schemes = endpoints.map((endpoint) => urlOf(endpoint).split(":", 1)[0]);

  assert.deepEqual(schemes, ["http", "http", "http", "https", "https"]);
  assert.equal(urlOf("http://traces.example:50051"), "http://traces.example:50051");
  assert.equal(urlOf("https://127.0.0.1:1"), "https://127.0.0.1:1");
  for (const wrong of ["ftp://a:1", "a b:1", "host:port"]) assert.throws(() => urlOf(wrong), InvalidValueError);
});

test("a file of certificates that cannot be read is told of at once, without its name", () => {
  process.env.AGENTTRACE_ROOT_CERTIFICATES = "/nowhere/private.pem";

  const open = (): unknown => openChannel("traces.example:443", "");

  assert.throws(open, (error: Error) => error instanceof InvalidValueError && !error.message.includes("/nowhere"));
  openChannel("127.0.0.1:1", "").close();
});

test("AGENTTRACE_DISABLED records nothing, and the host's work goes on", async () => {
  process.env.AGENTTRACE_DISABLED = "1";
  const network = new Network();
  const tracer = new Tracer({ agentId: "support", send: network.send });

  const value = tracer.run((run) => run.step("tool", "search", (step) => step.set({ rows: 1 }).name));
  const receipt = await tracer.close();

  assert.equal(value, "search");
  assert.deepEqual([receipt.accepted, receipt.pending, receipt.dropped], [0, 0, 0]);
  assert.equal(network.streams.length, 0);
});
