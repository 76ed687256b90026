package dev.agenttrace;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Waits twice as long after each failure in a row, with jitter, and as long as the server asks. */
final class Backoff {
  private static final long FIRST_MILLIS = 250;
  private static final long LONGEST_MILLIS = 30_000;
  // A fault of the server may lie in one batch: it must not hold up all others for good.
  private static final int TRIES_AT_FAULTS = 5;

  private int failures;
  private int faults;

  void succeeded() {
    failures = 0;
    faults = 0;
  }

  /** Whether sending again can not help: outages and wrong keys pass, wrong batches do not. */
  boolean givesUp(ErrorDetails details) {
    boolean hopeless =
        switch (details.code()) {
          case INVALID_ARGUMENT -> true;
          case RESOURCE_EXHAUSTED -> details.retryAfter().isZero();
          case UNAVAILABLE, DEADLINE_EXCEEDED, UNAUTHENTICATED, PERMISSION_DENIED, CANCELLED, ABORTED, UNIMPLEMENTED ->
              false;
          default -> ++faults >= TRIES_AT_FAULTS;
        };
    if (hopeless) {
      faults = 0;
    }
    return hopeless;
  }

  /** How long to wait before the next try, in milliseconds. */
  long delay(Duration asked) {
    long longest = Math.min(LONGEST_MILLIS, FIRST_MILLIS << failures);
    failures = Math.min(failures + 1, 10);
    // Jitter, so that a thousand agents do not come back in the same second.
    long jitter = longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2);
    return asked.isZero() ? jitter : asked.toMillis() + 1 + jitter / 4;
  }
}
