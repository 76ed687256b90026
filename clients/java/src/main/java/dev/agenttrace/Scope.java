package dev.agenttrace;

import dev.agenttrace.v1.StepType;
import java.time.Duration;

/**
 * A run or a step: what steps are opened in.
 *
 * <p>Work that is given as a function is seen to end: an exception that leaves it is recorded, by its class and never
 * by its text, and goes on as it was. A step that is opened by hand, in a try statement, tells itself how it ended.
 */
public abstract class Scope {
  private ChildFailure child;

  Scope() {}

  abstract Run run();

  /** The step that new ones are nested in; null at a run. */
  abstract Step asParent();

  /** Work with a result. */
  @FunctionalInterface
  public interface Work<T, E extends Exception> {
    /** Does it. */
    T in(Step step) throws E;
  }

  /** Work without a result. */
  @FunctionalInterface
  public interface Action<E extends Exception> {
    /** Does it. */
    void in(Step step) throws E;
  }

  /**
   * Opens a step. End it with {@link Step#done} or {@link Step#failed}, and close it: one that is closed without
   * either was left by an exception, and is recorded as that.
   */
  public Step step(StepType type, String name) {
    return new Step(this, type, name, null);
  }

  /** Does work as a step. */
  public <E extends Exception> void step(StepType type, String name, Action<E> action) throws E {
    step(type, name).work(action);
  }

  /** Does work as a step and returns its result. */
  public <T, E extends Exception> T call(StepType type, String name, Work<T, E> work) throws E {
    return step(type, name).call(work);
  }

  /**
   * Does work until an attempt succeeds; returns its result, or throws what the last one threw. Each attempt is its own
   * step; a failure that a later attempt made good is recovered.
   */
  public <T, E extends Exception> T retry(StepType type, String name, RetryOptions options, Work<T, E> work) throws E {
    Step before = null;
    for (int attempt = 1; ; attempt++) {
      Step step = new Step(this, type, name, before);
      try {
        return step.call(work);
      } catch (Exception failed) {
        if (attempt >= options.maxAttempts() || !options.retryIf().test(failed) || !paused(options, attempt)) {
          throw failed;
        }
      }
      before = step;
    }
  }

  /** Waits before the next attempt; false where the thread is to end. */
  private static boolean paused(RetryOptions options, int attempt) {
    Duration delay = options.delay().apply(attempt);
    try {
      Thread.sleep(delay == null ? 0 : Math.max(0, delay.toMillis()));
      return true;
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** The last failure within a scope, to find out whether an exception that leaves it was told already. */
  private record ChildFailure(Throwable failed, String id) {}

  /** Remembers the failure of a step within. */
  void failedInside(Throwable failed, String failureId) {
    synchronized (run()) {
      child = new ChildFailure(failed, failureId);
    }
  }

  /** The id of the failure within that told of this exception; empty where none did. */
  String toldOf(Throwable failed) {
    synchronized (run()) {
      Throwable at = failed;
      for (int i = 0; child != null && child.failed != null && at != null && i < 16; i++, at = at.getCause()) {
        if (at == child.failed) {
          return child.id;
        }
      }
      return "";
    }
  }
}
