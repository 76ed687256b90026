/** Ids of runs, steps and failures, and the keyed hash of a user. */

import { createHmac, randomFillSync } from "node:crypto";

import { InvalidValueError } from "./errors.js";
import { FORMS } from "./limits.js";

const DIGITS = Buffer.from("0123456789abcdef", "latin1");
const RANDOM_BYTES = 19; // one for each random digit, of which the lower half is used
// Where those digits stand in "tttttttt-tttt-7rrr-vrrr-rrrrrrrrrrrr"; that of the variant is the first.
const PLACES = [19, 15, 16, 17, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35];
const VARIANT = 0b1000;
// Asking the system's dice for some bytes costs much more than for thousands.
const dice = new Uint8Array(256 * RANDOM_BYTES);
let used = dice.length;
// The last id that was made. One buffer for all: strings that are put together cost more than this.
const text = Buffer.from("00000000-0000-7000-8000-000000000000", "latin1");
let lastTime = 0;

/** A new UUIDv7. */
export function newId(): string {
  if (used === dice.length) {
    randomFillSync(dice);
    used = 0;
  }
  const time = Date.now();
  if (time !== lastTime) {
    const hex = time.toString(16).padStart(12, "0");
    text.write(`${hex.slice(0, 8)}-${hex.slice(8)}`, "latin1");
    lastTime = time;
  }
  for (let index = 0; index < RANDOM_BYTES; index++) text[PLACES[index]!] = DIGITS[dice[used + index]! & 0x0f]!;
  text[PLACES[0]!] = DIGITS[VARIANT | (dice[used]! & 0b11)]!;
  used += RANDOM_BYTES;
  return text.toString("latin1");
}

/** Return a canonical UUID or the empty string; throw InvalidValueError for anything else. */
export function checkedId(argument: string, id: string): string {
  if (id !== "" && !FORMS.uuid.test(id)) {
    throw new InvalidValueError(`${argument} is no canonical UUID (8-4-4-4-12 lower-case hex digits)`);
  }
  return id;
}

/**
 * Return the keyed hash by which a run names its user: HMAC-SHA256, 64 hex digits.
 *
 * The same user and secret give the same key, so that the runs of a user can be found and erased; without the
 * secret nobody can find the user of a key. Keep the secret out of the telemetry's reach.
 */
export function userKey(userId: string, secret: string | Uint8Array): string {
  return createHmac("sha256", secret).update(userId, "utf8").digest("hex");
}
