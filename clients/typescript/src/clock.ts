/** The time, as milliseconds since the epoch with microseconds behind the point. */

import { timestampFromMs, type Duration, type Timestamp } from "@bufbuild/protobuf/wkt";

const LARGEST_DRIFT_MS = 5;
let offset = Date.now() - performance.now();

/** Return the time of now. */
export function now(): number {
  const wall = Date.now();
  const precise = offset + performance.now();
  if (Math.abs(precise - wall) <= LARGEST_DRIFT_MS) return precise;
  // The wall clock was set, or the machine slept, which performance.now() does not count.
  offset += wall - precise;
  return wall;
}

/** Return a time as a message. */
export function timestamp(ms: number): Timestamp {
  const whole = Math.floor(ms);
  const message = timestampFromMs(whole);
  message.nanos += Math.floor((ms - whole) * 1000) * 1000;
  return message;
}

/** Return a length of time as the fields of a message. */
export function duration(ms: number): Pick<Duration, "seconds" | "nanos"> {
  const microseconds = Math.round(ms * 1000);
  return { seconds: BigInt(Math.floor(microseconds / 1e6)), nanos: (microseconds % 1e6) * 1000 };
}
