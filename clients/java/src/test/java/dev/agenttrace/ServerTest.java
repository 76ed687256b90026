package dev.agenttrace;

import static dev.agenttrace.v1.StepType.STEP_TYPE_MODEL;
import static dev.agenttrace.v1.StepType.STEP_TYPE_PLAN;
import static dev.agenttrace.v1.StepType.STEP_TYPE_TOOL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.agenttrace.v1.GetRunResponse;
import dev.agenttrace.v1.ListFailuresRequest;
import dev.agenttrace.v1.ListRunsRequest;
import dev.agenttrace.v1.ListStepsRequest;
import dev.agenttrace.v1.RunFilter;
import dev.agenttrace.v1.RunStatus;
import dev.agenttrace.v1.RunSummary;
import dev.agenttrace.v1.WatchRunsRequest;
import dev.agenttrace.v1.WatchRunsResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ServerTest {
  private final String session = Facts.newId();
  private QueryClient client;

  @BeforeAll
  static void needAProduct() {
    boolean named = System.getenv("AGENTTRACE_ENDPOINT") != null && System.getenv("AGENTTRACE_QUERY_ENDPOINT") != null;
    String reason = "AGENTTRACE_ENDPOINT and AGENTTRACE_QUERY_ENDPOINT name no running product";
    if (!named) {
      System.out.println("tests against a server are skipped: " + reason);
    }
    assumeTrue(named, reason);
  }

  @BeforeEach
  void open() {
    client = QueryClient.fromEnvironment();
  }

  @AfterEach
  void close() {
    client.close();
  }

  /** Records so many runs of the session; returns their ids. */
  private List<String> record(int count, Run.Action<Exception> work) throws Exception {
    List<String> ids = new ArrayList<>();
    Tracer tracer = Tracer.builder("support").build();
    for (int i = 0; i < count; i++) {
      tracer.run(
          RunOptions.session(session),
          run -> {
            ids.add(run.id());
            work.in(run);
          });
    }
    Receipt receipt = tracer.close(Duration.ofSeconds(60));
    assertTrue(receipt.complete() && receipt.corrected() == 0, receipt::toString);
    return ids;
  }

  private RunFilter ofSession() {
    return RunFilter.newBuilder().setSessionId(session).build();
  }

  @Test
  void aRecordedRunIsReadBack() throws Exception {
    boolean[] failed = {false};
    String id =
        record(
                1,
                run -> {
                  run.step(STEP_TYPE_PLAN, "decide", plan -> plan.step(STEP_TYPE_MODEL, "choose", step -> {}));
                  run.retry(
                      STEP_TYPE_TOOL,
                      "search",
                      RetryOptions.attempts(2),
                      step -> {
                        if (!failed[0]) {
                          failed[0] = true;
                          throw new TimeoutException();
                        }
                        return null;
                      });
                })
            .get(0);

    GetRunResponse read = client.run(id);
    assertEquals(RunStatus.RUN_STATUS_SUCCESS, read.getRun().getRun().getStatus());
    assertEquals(4, read.getRun().getStepCount());
    assertEquals(1, read.getRun().getRetryCount());
    assertTrue(read.getCompleteness().getComplete());
    assertTrue(read.getFailures(0).getRecovered());
    try (Listing<dev.agenttrace.v1.Step> steps =
        client.steps(ListStepsRequest.newBuilder().setRunId(id).setPageSize(1).build())) {
      assertEquals(List.of(0, 1, 2, 3), steps.stream().map(step -> step.getSequence()).toList());
    }
    try (var failures = client.failures(ListFailuresRequest.newBuilder().setRunId(id).build())) {
      assertEquals("timeout", failures.next().getFailure().getCode());
      assertFalse(failures.hasNext());
    }
  }

  @Test
  void aListingThatBreaksGoesOnWhereItWas() throws Exception {
    List<String> ids = record(120, run -> {});
    ListRunsRequest request = ListRunsRequest.newBuilder().setFilter(ofSession()).setPageSize(2).build();
    try (CuttingProxy proxy = new CuttingProxy(System.getenv("AGENTTRACE_QUERY_ENDPOINT"), 6000);
        QueryClient broken = QueryClient.connect(proxy.address(), "")) {
      List<String> listed = broken.runs(request).stream().map(summary -> summary.getRun().getRunId()).toList();

      assertEquals(new HashSet<>(ids), new HashSet<>(listed));
      assertEquals(ids.size(), listed.size());
      assertEquals(1, proxy.cuts());
    }
  }

  @Test
  void aLimitHoldsAndAReaderMayStop() throws Exception {
    record(10, run -> {});
    ListRunsRequest request =
        ListRunsRequest.newBuilder().setFilter(ofSession()).setPageSize(2).setLimit(5).build();
    Listing<RunSummary> stopped = client.runs(request);
    try (stopped) {
      stopped.next();
    }
    assertFalse(stopped.hasNext());
    assertEquals(5, client.runs(request).stream().count());
  }

  @Test
  void aWatchTellsOfWhatCameWhileItWasAway() throws Exception {
    WatchRunsRequest request = WatchRunsRequest.newBuilder().setFilter(ofSession()).build();
    String token;
    try (Listing<WatchRunsResponse> watch = client.watch(request)) {
      token = watch.next().getResumeToken();
    }
    String id = record(1, run -> {}).get(0);
    try (Listing<WatchRunsResponse> watch = client.watch(request.toBuilder().setResumeToken(token).build())) {
      RunSummary told =
          watch.stream().filter(answer -> answer.getRunsCount() > 0).findFirst().orElseThrow().getRuns(0);

      assertEquals(id, told.getRun().getRunId());
    }
  }

  @Test
  void anErrorIsExplained() {
    ErrorDetails missing =
        ErrorDetails.of(assertThrows(StatusRuntimeException.class, () -> client.run(Facts.newId())));
    ListRunsRequest bad = ListRunsRequest.newBuilder().setPageSize(-1).build();
    ErrorDetails wrong = ErrorDetails.of(assertThrows(StatusRuntimeException.class, () -> client.runs(bad).hasNext()));

    assertEquals(Status.Code.NOT_FOUND, missing.code());
    assertEquals("RUN_NOT_FOUND", missing.reason());
    assertEquals("INVALID_REQUEST", wrong.reason());
    assertTrue(wrong.fields().containsKey("page_size"));
  }

  @Test
  void aServerThatIsNotThereIsAnErrorAtOnce() throws IOException {
    try (QueryClient nobody = QueryClient.connect("127.0.0.1:1", "")) {
      StatusRuntimeException failed =
          assertThrows(
              StatusRuntimeException.class, () -> nobody.runs(ListRunsRequest.getDefaultInstance()).hasNext());
      assertEquals(Status.Code.UNAVAILABLE, failed.getStatus().getCode());
    }
  }
}
