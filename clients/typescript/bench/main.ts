/** Records steps and waits until all are acknowledged: `main.js --steps N --report FILE`. */

import { writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Tracer } from "../src/index.js";

const NAMES = ["plan", "search", "fetch", "rank", "call", "check", "write", "answer"];
const STEPS_PER_RUN = 100;

const { values } = parseArgs({ options: { steps: { type: "string", default: "100000" }, report: { type: "string" } } });
const steps = Number(values.steps);
const tracer = new Tracer({ agentId: "bench-typescript" });
const begin = performance.now();
let recordMs = 0;

function recordRun(count: number): void {
  const before = performance.now();
  tracer.run((run) => {
    for (let number = 0; number < count; number++) run.step("tool", NAMES[number % NAMES.length]!, () => undefined);
  });
  recordMs += performance.now() - before;
}

for (let left = steps; left > 0; left -= STEPS_PER_RUN) {
  recordRun(Math.min(left, STEPS_PER_RUN));
  await tracer.room();
  await turn(); // a host does other work, too, and so does the exporter then
}
const { accepted, duplicate, rejected, dropped } = await tracer.flush(600_000);
const seconds = { record_seconds: recordMs / 1000, total_seconds: (performance.now() - begin) / 1000 };
const report = { steps, ...seconds, accepted, duplicate, rejected, dropped };
await tracer.close();
if (values.report) writeFileSync(values.report, JSON.stringify(report, null, 1));
else console.log(report);
