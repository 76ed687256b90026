package dev.agenttrace;

import java.time.Duration;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.function.Predicate;

/**
 * When work is tried again.
 *
 * @param maxAttempts how often it is tried at most, 1 or more
 * @param retryIf whether an exception is worth another attempt
 * @param delay how long to wait after an attempt (1, 2 ...)
 */
public record RetryOptions(int maxAttempts, Predicate<? super Exception> retryIf, IntFunction<Duration> delay) {
  /** Checks that nothing is missing. */
  public RetryOptions {
    Objects.requireNonNull(retryIf, "retryIf");
    Objects.requireNonNull(delay, "delay");
  }

  /** So many attempts at most, after every exception, without a pause. */
  public static RetryOptions attempts(int maxAttempts) {
    return new RetryOptions(maxAttempts, failed -> true, attempt -> Duration.ZERO);
  }

  /** The same, only after exceptions of a class. */
  public RetryOptions on(Class<? extends Exception> type) {
    return new RetryOptions(maxAttempts, type::isInstance, delay);
  }

  /** The same with a pause after each attempt. */
  public RetryOptions withDelay(IntFunction<Duration> delay) {
    return new RetryOptions(maxAttempts, retryIf, delay);
  }
}
