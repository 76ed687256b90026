package dev.agenttrace;

import com.google.protobuf.Duration;
import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.FailureType;
import dev.agenttrace.v1.RunStatus;
import java.util.HashMap;
import java.util.Map;

/** One execution of an agent. It is safe for use by several threads. */
public final class Run extends Scope implements AutoCloseable {
  private static final Duration LEASE = Duration.newBuilder().setSeconds(300).build();

  private final Tracer tracer;
  private final dev.agenttrace.v1.Run base;
  private int sequence;
  private int steps;
  private final Map<String, Integer> failed = new HashMap<>(); // the last attempt, by the first attempt's step id
  private final Map<String, Integer> succeeded = new HashMap<>();
  private boolean unmade; // a failure of the run as a whole: no attempt can make it good
  private RunStatus status = RunStatus.RUN_STATUS_RUNNING;

  Run(Tracer tracer, dev.agenttrace.v1.Run.Builder facts) {
    this.tracer = tracer;
    base =
        facts
            .setRunId(Facts.newId())
            .setStatus(RunStatus.RUN_STATUS_RUNNING)
            .setStartTime(Facts.now())
            .setLeaseDuration(LEASE)
            .build();
    tracer.record(base);
  }

  /** Work with a result. */
  @FunctionalInterface
  public interface Work<T, E extends Exception> {
    /** Does it. */
    T in(Run run) throws E;
  }

  /** Work without a result. */
  @FunctionalInterface
  public interface Action<E extends Exception> {
    /** Does it. */
    void in(Run run) throws E;
  }

  /** The run's id. */
  public String id() {
    return base.getRunId();
  }

  /** How the run ended, RUNNING before. */
  public synchronized RunStatus status() {
    return status;
  }

  @Override
  Run run() {
    return this;
  }

  @Override
  Step asParent() {
    return null;
  }

  Tracer tracer() {
    return tracer;
  }

  /** Tells of a failure of the run as a whole, which ends it partial at best. */
  public void fail(FailureType type, String code) {
    synchronized (this) {
      unmade = true;
    }
    tracer.record(newFailure(type, tracer.name(code)).build());
  }

  /**
   * Ends the run: partial if a failure stayed that no later attempt made good, else a success. Once; later ends do
   * nothing.
   */
  public void done() {
    end(null, false);
  }

  /**
   * Ends the run with an exception, and returns it: a failure, or cancelled where the work was cancelled or
   * interrupted.
   */
  public <E extends Throwable> E failed(E failed) {
    end(failed, true);
    return failed;
  }

  /** Ends the run as a failure if nothing has ended it: an exception left it. */
  @Override
  public void close() {
    end(null, true);
  }

  <T, E extends Exception> T call(Work<T, E> work) throws E {
    try {
      T result = work.in(this);
      done();
      return result;
    } catch (Throwable failed) {
      failed(failed);
      throw failed;
    }
  }

  private void end(Throwable exception, boolean left) {
    dev.agenttrace.v1.Run.Builder end = base.toBuilder();
    boolean untold;
    synchronized (this) {
      if (status != RunStatus.RUN_STATUS_RUNNING) {
        return;
      }
      status = outcome(exception, left);
      // Of an exception that only left a try statement nothing is known but the failures within.
      boolean told = exception == null ? !recovered() : !toldOf(exception).isEmpty();
      untold = status == RunStatus.RUN_STATUS_FAILURE && !told;
      end.setStatus(status).setExpectedStepCount(Math.min(steps, (int) Limits.STEPS_PER_RUN));
    }
    end.setEndTime(Facts.latest(Facts.now(), base.getStartTime()));
    tracer.ended(this);
    if (untold) {
      String code = exception == null ? Failures.DEFAULT_CODE : tracer.code(exception);
      Failure.Builder failure = newFailure(FailureType.FAILURE_TYPE_ORCHESTRATION, code);
      Failures.describe(failure, exception);
      tracer.record(failure.build());
    }
    tracer.record(end.build());
  }

  private RunStatus outcome(Throwable exception, boolean left) {
    if (exception != null && Failures.isCancellation(exception)) {
      return RunStatus.RUN_STATUS_CANCELLED;
    }
    if (left) {
      return RunStatus.RUN_STATUS_FAILURE;
    }
    return unmade || !recovered() ? RunStatus.RUN_STATUS_PARTIAL : RunStatus.RUN_STATUS_SUCCESS;
  }

  /** Whether a later attempt succeeded wherever a step failed, as the server reads it. */
  private boolean recovered() {
    return failed.entrySet().stream().allMatch(one -> succeeded.getOrDefault(one.getKey(), 0) > one.getValue());
  }

  synchronized int nextSequence() {
    return sequence++;
  }

  /** Counts a step that has ended. */
  synchronized void took(Step step, boolean asError) {
    steps++;
    (asError ? failed : succeeded).merge(step.first(), step.attempt(), Math::max);
  }

  Failure.Builder newFailure(FailureType type, String code) {
    boolean none = type == null || type == FailureType.UNRECOGNIZED;
    return Failure.newBuilder()
        .setFailureId(Facts.newId())
        .setRunId(id())
        .setType(none ? FailureType.FAILURE_TYPE_ORCHESTRATION : type)
        .setCode(code)
        .setOccurTime(Facts.now());
  }

  dev.agenttrace.v1.Run heartbeat() {
    return base.toBuilder().setHeartbeatTime(Facts.now()).build();
  }
}
