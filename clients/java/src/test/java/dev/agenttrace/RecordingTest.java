package dev.agenttrace;

import static dev.agenttrace.v1.StepType.STEP_TYPE_MODEL;
import static dev.agenttrace.v1.StepType.STEP_TYPE_PLAN;
import static dev.agenttrace.v1.StepType.STEP_TYPE_RETRIEVE;
import static dev.agenttrace.v1.StepType.STEP_TYPE_TOOL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.FailureType;
import dev.agenttrace.v1.RunStatus;
import dev.agenttrace.v1.StepStatus;
import io.grpc.Status;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RecordingTest {
  private static final String SECRET = "the customer's card is 4111 1111 1111 1111";
  private static final RuntimeException FAULT = new IllegalStateException(SECRET);

  private Recorded recorded;
  private Tracer tracer;

  @BeforeEach
  void open() throws IOException {
    recorded = new Recorded();
    tracer = recorded.tracer();
  }

  @AfterEach
  void close() {
    tracer.close();
    recorded.close();
  }

  /** Does work as a run that may throw, and waits until it is recorded. */
  private void record(Run.Action<Exception> work) {
    try {
      tracer.run(RunOptions.NONE, work);
    } catch (Exception goesOn) {
      // As it should.
    }
    assertTrue(tracer.flush(Duration.ofSeconds(20)).complete());
  }

  static Stream<Arguments> ends() {
    return Stream.of(
        end("nothing failed", "SUCCESS", run -> run.step(STEP_TYPE_TOOL, "a", step -> {})),
        end("an exception leaves it", "FAILURE", run -> run.step(STEP_TYPE_TOOL, "a", RecordingTest::fail)),
        end(
            "an exception was swallowed",
            "PARTIAL",
            run -> assertThrows(RuntimeException.class, () -> run.step(STEP_TYPE_TOOL, "a", RecordingTest::fail))),
        end(
            "a step told of a failure",
            "PARTIAL",
            run -> run.step(STEP_TYPE_RETRIEVE, "a", step -> step.fail("empty_retrieval"))),
        end("the run told of one", "PARTIAL", run -> run.fail(FailureType.FAILURE_TYPE_MODEL, "truncated")),
        end(
            "a later attempt made it good",
            "SUCCESS",
            run -> run.retry(STEP_TYPE_TOOL, "a", RetryOptions.attempts(3), failing(1))),
        end(
            "it was cancelled",
            "CANCELLED",
            run -> {
              throw new ExecutionException(new CancellationException());
            }));
  }

  private static Arguments end(String name, String status, Run.Action<Exception> work) {
    return Arguments.of(name, status, work);
  }

  private static void fail(Step step) {
    throw FAULT;
  }

  /** Work that fails so many times. */
  private static Scope.Work<Integer, RuntimeException> failing(int times) {
    int[] left = {times};
    return step -> {
      if (left[0]-- > 0) {
        throw FAULT;
      }
      return 7;
    };
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("ends")
  void aRunEndsAsItsWorkDoes(String name, String status, Run.Action<Exception> work) {
    record(work);

    assertEquals("RUN_STATUS_" + status, recorded.runs().get(1).getStatus().name());
  }

  @Test
  void eachAttemptIsItsOwnStep() {
    record(run -> assertEquals(7, run.retry(STEP_TYPE_TOOL, "search", RetryOptions.attempts(3), failing(2))));

    String first = recorded.steps().get(0).getStepId();
    assertEquals(List.of(1, 2, 3), recorded.steps().stream().map(step -> step.getAttempt()).toList());
    assertEquals(List.of("", first, first), recorded.steps().stream().map(step -> step.getRetryOfStepId()).toList());
    assertEquals(2, recorded.failures().size());
    assertEquals(3, recorded.runs().get(1).getExpectedStepCount());
  }

  @Test
  void aStepWithinAnAttemptThatRepeatsAFailedOneIsItsNextAttempt() {
    Scope.Work<Integer, RuntimeException> inner = failing(1);
    record(
        run ->
            run.retry(
                STEP_TYPE_TOOL, "outer", RetryOptions.attempts(2), step -> step.call(STEP_TYPE_MODEL, "inner", inner)));

    dev.agenttrace.v1.Step second = recorded.steps().get(2);
    assertEquals("inner", second.getName());
    assertEquals(2, second.getAttempt());
    assertEquals(recorded.steps().get(0).getStepId(), second.getRetryOfStepId());
    assertEquals(RunStatus.RUN_STATUS_SUCCESS, recorded.runs().get(1).getStatus());
  }

  @Test
  void aRetryGivesUpWhereItIsTold() {
    RetryOptions options = RetryOptions.attempts(3).on(TimeoutException.class);
    record(run -> run.retry(STEP_TYPE_TOOL, "search", options, failing(2)));

    assertEquals(1, recorded.steps().size());
  }

  @Test
  void aFailureNamesWhatCausedIt() {
    record(
        run ->
            run.step(
                STEP_TYPE_PLAN,
                "outer",
                outer -> {
                  try {
                    outer.step(STEP_TYPE_TOOL, "inner", RecordingTest::fail);
                  } catch (RuntimeException failed) {
                    throw new IOException(failed);
                  }
                }));

    List<Failure> failures = recorded.failures();
    assertEquals(2, failures.size());
    assertEquals(failures.get(0).getFailureId(), failures.get(1).getCausedByFailureId());
  }

  @Test
  void anExceptionBesideEveryStepIsAFailureOfTheRun() {
    record(
        run -> {
          throw FAULT;
        });

    assertEquals(List.of(""), recorded.failures().stream().map(Failure::getStepId).toList());
    assertEquals(FailureType.FAILURE_TYPE_ORCHESTRATION, recorded.failures().get(0).getType());
  }

  @Test
  void whatIsThrownGoesOnAsItWas() {
    Error error = new AssertionError(SECRET);
    Error thrown =
        assertThrows(
            Error.class,
            () ->
                tracer.run(
                    RunOptions.NONE,
                    run -> {
                      throw error;
                    }));

    assertSame(error, thrown);
  }

  @Test
  void aScopeThatIsClosedAndNotDoneWasLeftByAnException() {
    try (Run run = tracer.run()) {
      try (Step good = run.step(STEP_TYPE_TOOL, "good")) {
        good.done();
      }
      try (Step told = run.step(STEP_TYPE_TOOL, "told")) {
        told.failed(new TimeoutException(SECRET));
      }
      try (Step left = run.step(STEP_TYPE_TOOL, "left")) {
        left.set("rows", 1);
      }
    }
    tracer.flush(Duration.ofSeconds(20));

    assertEquals(
        List.of(StepStatus.STEP_STATUS_OK, StepStatus.STEP_STATUS_ERROR, StepStatus.STEP_STATUS_ERROR),
        recorded.steps().stream().map(step -> step.getStatus()).toList());
    assertEquals(
        List.of("timeout", "uncaught_exception"), recorded.failures().stream().map(Failure::getCode).toList());
    assertEquals(RunStatus.RUN_STATUS_FAILURE, recorded.runs().get(1).getStatus());
  }

  static Stream<Arguments> exceptions() {
    return Stream.of(
        Arguments.of("timeout", new ExecutionException(SECRET, new TimeoutException(SECRET))),
        Arguments.of("not_found", new NoSuchFileException("/4111")),
        Arguments.of(
            "rate_limited", Status.RESOURCE_EXHAUSTED.withDescription(SECRET).asRuntimeException()),
        Arguments.of("quota_exceeded", new IOException(SECRET, new OutOfQuota())),
        Arguments.of("uncaught_exception", FAULT));
  }

  private static final class OutOfQuota extends Exception implements FailureCoded {
    private static final long serialVersionUID = 1;

    @Override
    public String failureCode() {
      return "quota_exceeded";
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("exceptions")
  void anExceptionIsToldByItsClassAndNeverByItsText(String code, Exception failed) {
    record(
        run ->
            run.step(
                STEP_TYPE_TOOL,
                "a",
                step -> {
                  throw failed;
                }));

    assertEquals(code, recorded.failures().get(0).getCode());
    assertFalse(recorded.failures().get(0).getExceptionType().isEmpty());
    assertFalse(recorded.messages.toString().contains("4111"));
  }

  @Test
  void theHostsCodesComeFirstIfTheyAreTokens() {
    tracer = recorded.tracer(builder -> builder.classify(failed -> failed == FAULT ? "own_code" : "no token"));
    record(run -> run.step(STEP_TYPE_TOOL, "a", RecordingTest::fail));
    record(
        run -> {
          throw new TimeoutException();
        });

    assertEquals(List.of("own_code", "timeout"), recorded.failures().stream().map(Failure::getCode).toList());
  }

  @Test
  void whatIsNoTokenIsCorrectedAndCounted() {
    RunOptions options = new RunOptions("two words", "user-42", null, java.util.Arrays.asList("a tag", null, "tag"));
    tracer.run(
        options,
        run ->
            run.step(
                null,
                "two words",
                step ->
                    step.set("key", "two words")
                        .set("prompt", "token")
                        .set("BadKey", 1)
                        .set("nan", Double.NaN)
                        .set("n", 3)));
    Receipt receipt = tracer.flush(Duration.ofSeconds(20));

    dev.agenttrace.v1.Run run = recorded.runs().get(0);
    assertEquals(8, receipt.corrected());
    assertEquals("", run.getSessionId() + run.getUserKey());
    assertEquals(List.of("tag"), run.getTagsList());
    assertEquals("invalid_name", recorded.steps().get(0).getName());
    assertEquals(java.util.Set.of("n"), recorded.steps().get(0).getAttributesMap().keySet());
  }

  @Test
  void anOpenRunSaysThatItIsAlive() {
    try (Run run = tracer.run()) {
      dev.agenttrace.v1.Run beat = run.heartbeat();
      assertEquals(run.id(), beat.getRunId());
      assertTrue(beat.hasHeartbeatTime());
      run.done();
    }
  }

  @Test
  void anAgentThatIsNoTokenIsRefused() {
    for (String id : java.util.Arrays.asList("", "two words", null)) {
      assertThrows(IllegalArgumentException.class, () -> Tracer.builder(id).build());
    }
  }

  @Test
  void idsAreCanonicalAndInOrderOfTime() throws InterruptedException {
    String first = Facts.newId();
    Thread.sleep(2);
    String second = Facts.newId();

    assertTrue(Limits.UUID.matcher(first).matches());
    assertEquals('7', first.charAt(14));
    assertTrue("89ab".indexOf(first.charAt(19)) >= 0);
    assertTrue(first.compareTo(second) < 0);
    assertEquals(1000, IntStream.range(0, 1000).mapToObj(i -> Facts.newId()).distinct().count());
  }

  @Test
  void aUserKeyIsThatOfEveryClient() {
    assertEquals(
        "e286b7b944100ab478fe553b39122922de0000aee1d04087dc3e96eefc3a8d47",
        UserKey.of("user-42", "secret".getBytes(StandardCharsets.UTF_8)));
  }
}
