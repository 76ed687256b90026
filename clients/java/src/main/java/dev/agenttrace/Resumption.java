package dev.agenttrace;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Decides whether and when a broken stream is opened again: if anything came before or the server says when, at most so
 * many times in a row without progress.
 */
final class Resumption {
  private static final long FIRST_MILLIS = 100;
  private static final long LONGEST_MILLIS = 5000;

  private final int mostTries;
  private boolean begun;
  private int tries;

  Resumption(int mostTries) {
    this.mostTries = mostTries;
  }

  void progressed() {
    begun = true;
    tries = 0;
  }

  /** Waits before the next try; false where there is none. */
  boolean paused(ErrorDetails details) {
    Duration asked = details.retryAfter();
    if (!passes(details) || tries >= mostTries || (!begun && asked.isZero())) {
      return false;
    }
    long longest = Math.min(LONGEST_MILLIS, FIRST_MILLIS << Math.min(tries, 10));
    tries++;
    // Jitter, so that the readers of a server that restarts do not come back in the same moment.
    long jittered = longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2);
    try {
      Thread.sleep(Math.max(asked.toMillis(), jittered));
      return true;
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Whether the same call can succeed later: an outage, or a connection that broke. */
  private static boolean passes(ErrorDetails details) {
    return switch (details.code()) {
      case RESOURCE_EXHAUSTED -> !details.retryAfter().isZero();
      case UNAVAILABLE -> true;
      // Something on the way cut it off, rather than a server of ours.
      case CANCELLED, UNKNOWN, INTERNAL -> details.reason().isEmpty();
      default -> false;
    };
  }
}
