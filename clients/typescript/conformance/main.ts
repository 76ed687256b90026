/** Runs the plan of tests/conformance and writes the report: `main.js --plan FILE --endpoints FILE --report FILE`. */

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { CASES as BYTES_CASES } from "./bytes-cases.js";
import { CASES as INGEST_CASES } from "./ingest-cases.js";
import { CASES as QUERY_CASES } from "./query-cases.js";
import { Services, type Case, type Observed } from "./services.js";

type Do = (told: Case, services: Services) => Observed | Promise<Observed>;
const CASES: Record<string, Do> = { ...BYTES_CASES, ...INGEST_CASES, ...QUERY_CASES };

async function run(told: Case, services: Services): Promise<Observed> {
  try {
    return { id: told.id, ok: true, detail: "", observed: await CASES[told.do]!(told, services) };
  } catch (error) {
    return { id: told.id, ok: false, detail: String(error), observed: {} };
  }
}

function versions(): Record<string, string> {
  const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"));
  const packages = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node"];
  const version = (name: string): string => lock.packages[`node_modules/${name}`].version;
  return { node: process.versions.node, ...Object.fromEntries(packages.map((name) => [name, version(name)])) };
}

const option = { type: "string" } as const;
const { values } = parseArgs({ options: { plan: option, endpoints: option, report: option } });
const plan = JSON.parse(readFileSync(values.plan!, "utf8")) as { cases: Case[] };
const services = new Services(JSON.parse(readFileSync(values.endpoints!, "utf8")));
const cases: Observed[] = [];
for (const told of plan.cases) cases.push(await run(told, services));
writeFileSync(values.report!, JSON.stringify({ language: "typescript", versions: versions(), cases }, null, 1));
