package dev.agenttrace;

import dev.agenttrace.v1.AttributeValue;
import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.ModelCall;
import dev.agenttrace.v1.Retrieval;
import dev.agenttrace.v1.StepStatus;
import dev.agenttrace.v1.StepType;
import dev.agenttrace.v1.ToolCall;
import java.util.HashMap;
import java.util.Map;

/** One atomic step of a run; each retry is its own. Its facts are for one thread at a time. */
public final class Step extends Scope implements AutoCloseable {
  private final Run run;
  private final Scope within;
  private final dev.agenttrace.v1.Step.Builder message = dev.agenttrace.v1.Step.newBuilder();
  private final String first; // the first attempt's step id
  private Failure.Builder failure;
  private boolean ended;
  // In an attempt: the steps within that failed, and those that failed within the attempt before.
  private final Map<SameWork, Step> failedInside = new HashMap<>();
  private final Map<SameWork, Step> toRepeat = new HashMap<>();

  /** What a step within an attempt is recognized by in the next attempt. */
  private record SameWork(StepType type, String name) {}

  Step(Scope within, StepType type, String name, Step attemptBefore) {
    this.within = within;
    run = within.run();
    String id = Facts.newId();
    message
        .setRunId(run.id())
        .setStepId(id)
        .setSequence(run.nextSequence())
        .setType(type == null || type == StepType.UNRECOGNIZED ? StepType.STEP_TYPE_OTHER : type)
        .setName(run.tracer().name(name))
        .setAttempt(1)
        .setStartTime(Facts.now());
    Step parent = within.asParent();
    if (parent != null) {
      message.setParentStepId(parent.id());
    }
    Step before = attemptBefore != null || parent == null ? attemptBefore : parent.failedBefore(sameWork());
    if (before == null) {
      first = id;
      return;
    }
    first = before.first;
    message.setAttempt(before.message.getAttempt() + 1).setRetryOfStepId(first);
    synchronized (run) {
      toRepeat.putAll(before.failedInside);
    }
  }

  private SameWork sameWork() {
    return new SameWork(message.getType(), message.getName());
  }

  /** The step of the same work that failed within the attempt before. */
  private Step failedBefore(SameWork work) {
    synchronized (run) {
      return toRepeat.remove(work);
    }
  }

  /** The step's id. */
  public String id() {
    return message.getStepId();
  }

  @Override
  Run run() {
    return run;
  }

  @Override
  Step asParent() {
    return this;
  }

  String first() {
    return first;
  }

  int attempt() {
    return message.getAttempt();
  }

  <E extends Exception> void work(Action<E> action) throws E {
    call(
        step -> {
          action.in(step);
          return null;
        });
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

  /** Tells an attribute. A text is a token, and not under a key that names content; else it is left out and counted. */
  public Step set(String key, String value) {
    boolean told = Facts.isToken(value) && key != null && !Limits.isContentKey(key);
    return set(key, told ? AttributeValue.newBuilder().setStringValue(value).build() : null);
  }

  /** Tells an attribute. */
  public Step set(String key, long value) {
    return set(key, AttributeValue.newBuilder().setIntValue(value).build());
  }

  /** Tells an attribute: a finite number, else it is left out and counted. */
  public Step set(String key, double value) {
    return set(key, Double.isFinite(value) ? AttributeValue.newBuilder().setDoubleValue(value).build() : null);
  }

  /** Tells an attribute. */
  public Step set(String key, boolean value) {
    return set(key, AttributeValue.newBuilder().setBoolValue(value).build());
  }

  private Step set(String key, AttributeValue value) {
    boolean fits = value != null && key != null && Limits.ATTRIBUTE_KEY.matcher(key).matches();
    if (fits && (message.containsAttributes(key) || message.getAttributesCount() < Limits.ATTRIBUTES)) {
      message.putAttributes(key, value);
    } else {
      run.tracer().corrected();
    }
    return this;
  }

  /** Tells the facts of a call of a model. */
  public Step model(ModelCall call) {
    if (call != null) {
      message.setModel(call);
    }
    return this;
  }

  /** Tells the facts of a call of a tool; the step's name is the tool's name where it tells none. */
  public Step tool(ToolCall call) {
    if (call != null) {
      message.setTool(call);
    }
    return this;
  }

  /** Tells the collection that was asked, and how many records came back. */
  public Step retrieval(String source, long results) {
    message.setRetrieval(
        Retrieval.newBuilder().setSource(run.tracer().optionalToken(source)).setResultCount(results));
    return this;
  }

  /** Tells a failure with a code, such as "empty_retrieval": the step ends as an error however its work ends. */
  public Step fail(String code) {
    failure = run.newFailure(Failures.typeOf(message.getType()), run.tracer().name(code));
    return this;
  }

  /** Ends the step: its work came to its end. Once; later ends do nothing. */
  public void done() {
    end(null);
  }

  /** Ends the step with an exception, and returns it: {@code throw step.failed(exception)}. */
  public <E extends Throwable> E failed(E failed) {
    if (failure == null) {
      fail(run.tracer().code(failed));
    }
    end(failed);
    return failed;
  }

  /** Ends the step as an error if nothing has ended it: an exception left it. */
  @Override
  public void close() {
    if (!ended && failure == null) {
      fail(Failures.DEFAULT_CODE);
    }
    end(null);
  }

  private void end(Throwable failed) {
    if (ended) {
      return;
    }
    ended = true;
    message.setEndTime(Facts.latest(Facts.now(), message.getStartTime()));
    message.setStatus(failure == null ? StepStatus.STEP_STATUS_OK : StepStatus.STEP_STATUS_ERROR);
    if (failure != null) {
      complete(failed);
    }
    run.took(this, failure != null);
    run.tracer().record(message.build());
    if (failure != null) {
      run.tracer().record(failure.build());
    }
  }

  /** Gives the failure what is known of it at the end, and lets the scope around know it. */
  private void complete(Throwable failed) {
    failure.setStepId(id()).setCausedByFailureId(toldOf(failed));
    Failures.describe(failure, failed);
    within.failedInside(failed, failure.getFailureId());
    if (within.asParent() != null) {
      synchronized (run) {
        within.asParent().failedInside.put(sameWork(), this);
      }
    }
  }
}
