// Writes src/gen from ../../proto and proto; with --check it compares and exits 1 where they differ.
// Takes buf from the PATH or from the Python environment of this repository (`make setup`).

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const COMMITTED = join(HERE, "src/gen");
const PATH = [process.env.PATH, join(HERE, "../../.venv/bin")].join(delimiter);

const folder = mkdtempSync(join(tmpdir(), "agenttrace-generate-"));
try {
  execFileSync("buf", ["generate", "--output", folder], { cwd: HERE, env: { ...process.env, PATH }, stdio: "inherit" });
  process.exitCode = process.argv.includes("--check") ? compare() : write();
} finally {
  rmSync(folder, { recursive: true });
}

function write() {
  rmSync(COMMITTED, { recursive: true, force: true });
  cpSync(join(folder, "src/gen"), COMMITTED, { recursive: true });
  return 0;
}

function compare() {
  const made = texts(join(folder, "src/gen"));
  const committed = texts(COMMITTED);
  const names = new Set([...made.keys(), ...committed.keys()]);
  const stale = [...names].filter((name) => made.get(name) !== committed.get(name));
  for (const name of stale) console.error(`stale: clients/typescript/src/gen/${name}`);
  return stale.length > 0 ? 1 : 0;
}

function texts(root) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((file) => {
      const path = join(file.parentPath ?? file.path, file.name);
      return [path.slice(root.length + 1), readFileSync(path, "utf8")];
    }),
  );
}
