/**
 * The boundary at the call site: what is no token, number or truth value goes no further.
 *
 * The server checks the same rules, from the same table (limits.json); here they keep content off the wire. A
 * refused value is left out and counted; the agent goes on. Nothing here throws.
 */

import { CHECKS, type StepFacts } from "./facts.js";
import { isAttribute, isToken, type Attribute } from "./forms.js";
import { FORMS, LIMITS } from "./limits.js";
import type { Notices } from "./notices.js";
import type { Ledger } from "./receipt.js";

export const INVALID_NAME = "invalid_name";

export class Guard {
  constructor(
    private readonly ledger: Ledger,
    private readonly notices: Notices,
  ) {}

  /** Return a required name, or `invalid_name` in place of what is no token. */
  name(value: string): string {
    // Never made a token by replacing characters, because then sentences would pass.
    return isToken(value) ? value : this.#refuseName("name", "recorded as invalid_name", INVALID_NAME);
  }

  /** Return an optional name, or nothing in place of what is no token. */
  optionalName(field: string, value: string | undefined): string {
    return value === undefined || value === "" || isToken(value) ? value ?? "" : this.#refuseName(field, "left out");
  }

  /** Return those of a list of names that are tokens, each once, at most so many. */
  names(field: string, values: Iterable<string> | undefined, atMost: number): string[] {
    const kept = [...new Set(values ?? [])].filter((value) => this.optionalName(field, value) !== "");
    if (kept.length > atMost) this.refuseFacts(kept.length - atMost);
    return kept.slice(0, atMost);
  }

  /** Return the keyed hash of a user, or nothing in place of what is none. */
  userKey(value: string | undefined): string {
    return value === undefined || value === "" || FORMS.user_key.test(value)
      ? value ?? ""
      : this.#refuseName("userKey", "left out: make it with userKey()");
  }

  /** Add to `present` what of `given` may be stored, up to the limit of attributes. */
  attributes(given: Readonly<Record<string, Attribute>> | undefined, present: Map<string, Attribute>): void {
    let refused = 0;
    for (const [key, value] of Object.entries(given ?? {})) {
      const fits = present.has(key) || present.size < LIMITS.attributes;
      if (fits && isAttribute(key, value)) present.set(key, value);
      else refused += 1;
    }
    if (refused > 0) this.refuseFacts(refused);
  }

  /** Add to `present` the facts of a step that are of their kind; undefined and "" stand for not known. */
  facts(given: StepFacts | undefined, present: StepFacts): void {
    let refused = 0;
    for (const [name, value] of Object.entries(given ?? {})) {
      if (value === undefined || value === null || value === "") continue;
      const isRight = Object.hasOwn(CHECKS, name) && CHECKS[name as keyof StepFacts](value);
      if (isRight) Object.assign(present, { [name]: value });
      else refused += 1;
    }
    if (refused > 0) this.refuseFacts(refused);
  }

  /** Count and warn of a step type that there is not. */
  unknownType(): void {
    this.#refuseName("step type", "recorded as other");
  }

  /** Count and warn of facts that may not be stored. */
  refuseFacts(count: number): void {
    this.ledger.add({ refusedFacts: count });
    this.notices.once(
      "facts",
      "attributes or facts were left out: they are no token, number or truth value, are out of range, " +
        "or their key names content",
    );
  }

  #refuseName(field: string, consequence: string, instead = ""): string {
    this.ledger.add({ refusedNames: 1 });
    const text = `a ${field} is no token (letters, digits, ._:/@+|- and at most 128): ${consequence}`;
    this.notices.once(`name:${field}`, text);
    return instead;
  }
}
