import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isAttribute, isToken } from "../src/forms.js";
import { newId } from "../src/ids.js";
import { FORMS } from "../src/limits.js";
import { userKey } from "../src/index.js";

const TABLE = JSON.parse(readFileSync(new URL("../../../../proto/agenttrace/v1/limits.json", import.meta.url), "utf8"));

test("tokens are those of the contract's table", () => {
  const { accepts, refuses } = TABLE.patterns.token as { accepts: string[]; refuses: string[] };

  assert.deepEqual(accepts.filter((text) => !isToken(text)), []);
  assert.deepEqual(refuses.filter((text) => isToken(text)), []);
});

test("a string under a key that names content is no attribute, a number is", () => {
  assert.equal(isAttribute("user_prompt", "hello"), false);
  assert.equal(isAttribute("prompt_tokens", 12), true);
  assert.equal(isAttribute("region", "eu-1"), true);
});

test("what is no scalar, no finite number or no key is no attribute", () => {
  const values: [string, unknown][] = [
    ["a", Number.NaN], ["a", Number.POSITIVE_INFINITY], ["a", {}], ["a", null], ["a", 2n ** 63n], ["A", 1], ["", 1],
    ["a", "two words"],
  ];

  assert.deepEqual(values.filter(([key, value]) => isAttribute(key, value)), []);
});

test("ids are UUIDs of version 7, unlike each other and in the order of their time", async () => {
  const ids = Array.from({ length: 2000 }, newId);
  const early = newId();
  await new Promise((resolve) => setTimeout(resolve, 5));

  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => FORMS.uuid.test(id) && /^.{14}7.{4}[89ab]/.test(id)));
  assert.ok(early < newId());
});

test("a user's key is the HMAC-SHA256 that every client makes", () => {
  assert.equal(userKey("user", "secret"), "9b46c34925f5b319786d5cede4dc72ed7cb02061e1526303928ceddbd6c2c5ca");
});
