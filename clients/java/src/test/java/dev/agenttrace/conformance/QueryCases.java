package dev.agenttrace.conformance;

import dev.agenttrace.v1.GetRunRequest;
import dev.agenttrace.v1.GetRunResponse;
import dev.agenttrace.v1.ListRunsRequest;
import dev.agenttrace.v1.ListRunsResponse;
import dev.agenttrace.v1.RunSummary;
import dev.agenttrace.v1.WatchRunsRequest;
import dev.agenttrace.v1.WatchRunsResponse;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Cases of the query service. */
final class QueryCases {
  // It breaks once; a service that is away would break for ever.
  private static final int MOST_BREAKS = 3;

  private QueryCases() {}

  static Map<String, ?> getRun(Case told, Services services) throws Exception {
    GetRunResponse answer = services.query(told).getRun(told.message("request", GetRunRequest.class));
    RunSummary run = answer.getRun();
    return Map.of(
        "status", run.getRun().getStatusValue(),
        "complete", answer.getCompleteness().getComplete(),
        "step_count", run.getStepCount(),
        "failed_step_count", run.getFailedStepCount(),
        "retry_count", run.getRetryCount(),
        "failure_count", run.getFailureCount(),
        "input_tokens", run.getInputTokens(),
        "cost_micro_usd", run.getCostMicroUsd(),
        "steps",
            answer.getStepsList().stream()
                .map(step -> List.of(step.getName(), step.getTypeValue(), step.getStatusValue(), step.getAttempt()))
                .toList(),
        "failures",
            answer.getFailuresList().stream()
                .map(
                    detail ->
                        List.of(
                            detail.getFailure().getCode(),
                            detail.getFailure().getTypeValue(),
                            detail.getRecovered(),
                            detail.getRoot()))
                .toList());
  }

  static Map<String, ?> listRuns(Case told, Services services) throws Exception {
    List<String> runIds = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    services
        .query(told)
        .listRuns(told.message("request", ListRunsRequest.class))
        .forEachRemaining(
            chunk -> {
              runIds.addAll(idsOf(chunk.getRunsList()));
              if (chunk.getRunsCount() > 0) {
                sizes.add(chunk.getRunsCount());
              }
            });
    return Map.of("run_ids", runIds, "chunk_sizes", sizes);
  }

  static Map<String, ?> listResuming(Case told, Services services) throws Exception {
    List<String> runIds = new ArrayList<>();
    ListRunsRequest.Builder request = told.message("request", ListRunsRequest.class).toBuilder();
    for (int broken = 0; ; broken++) {
      try {
        Iterator<ListRunsResponse> chunks = services.query(told).listRuns(request.build());
        while (chunks.hasNext()) {
          ListRunsResponse chunk = chunks.next();
          runIds.addAll(idsOf(chunk.getRunsList()));
          request.setPageToken(chunk.getNextPageToken());
        }
        return Map.of("run_ids", runIds, "broken_streams", broken);
      } catch (StatusRuntimeException failed) {
        if (broken == MOST_BREAKS) {
          throw failed;
        }
      }
    }
  }

  static Map<String, ?> watch(Case told, Services services) throws Exception {
    WatchRunsRequest request = told.message("request", WatchRunsRequest.class);
    List<String> runIds = told.texts("run_ids");
    boolean checkpoint;
    String token;
    try (Context.CancellableContext watching = Context.current().withCancellation()) {
      Iterator<WatchRunsResponse> events = watching.call(() -> services.query(told).watchRuns(request));
      WatchRunsResponse beginning = events.next();
      checkpoint = beginning.getRunsCount() == 0 && !beginning.getResumeToken().isEmpty();
      IngestCases.record(told, services, told.text("record_to"), "first");
      token = follow(events, runIds.get(0));
    }
    IngestCases.record(told, services, told.text("record_to"), "second");
    try (Context.CancellableContext watching = Context.current().withCancellation()) {
      WatchRunsRequest resumed = request.toBuilder().setResumeToken(token).build();
      follow(watching.call(() -> services.query(told).watchRuns(resumed)), runIds.get(1));
    }
    return Map.of("checkpoint_first", checkpoint, "first", true, "second", true);
  }

  /** Reads a watch until it has told of a run, and returns where the watch goes on. */
  private static String follow(Iterator<WatchRunsResponse> events, String runId) {
    while (events.hasNext()) {
      WatchRunsResponse event = events.next();
      if (idsOf(event.getRunsList()).contains(runId)) {
        return event.getResumeToken();
      }
    }
    throw new IllegalStateException("the watch ended before it told of the run");
  }

  private static List<String> idsOf(List<RunSummary> runs) {
    return runs.stream().map(summary -> summary.getRun().getRunId()).toList();
  }
}
