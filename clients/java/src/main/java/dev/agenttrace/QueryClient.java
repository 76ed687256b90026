package dev.agenttrace;

import dev.agenttrace.v1.FailureDetail;
import dev.agenttrace.v1.GetRunRequest;
import dev.agenttrace.v1.GetRunResponse;
import dev.agenttrace.v1.GetStatsRequest;
import dev.agenttrace.v1.GetStatsResponse;
import dev.agenttrace.v1.ListFailuresRequest;
import dev.agenttrace.v1.ListFailuresResponse;
import dev.agenttrace.v1.ListRunsRequest;
import dev.agenttrace.v1.ListRunsResponse;
import dev.agenttrace.v1.ListStepsRequest;
import dev.agenttrace.v1.ListStepsResponse;
import dev.agenttrace.v1.QueryServiceGrpc;
import dev.agenttrace.v1.RunSummary;
import dev.agenttrace.v1.WatchRunsRequest;
import dev.agenttrace.v1.WatchRunsResponse;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;

/**
 * Reads what was recorded. It is safe for use by several threads. Calls throw {@link io.grpc.StatusRuntimeException},
 * of which {@link ErrorDetails#of} has the details.
 */
public final class QueryClient implements AutoCloseable {
  private static final long CALL_SECONDS = 30;

  private final ManagedChannel channel;

  private QueryClient(ManagedChannel channel) {
    this.channel = channel;
  }

  /** Reads from AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052, with the key AGENTTRACE_API_KEY. */
  public static QueryClient fromEnvironment() {
    return connect("", "");
  }

  /**
   * Reads from an endpoint; what is empty comes from the environment. Beyond this machine it takes TLS, or
   * {@code http://host:port} for plaintext.
   */
  public static QueryClient connect(String endpoint, String apiKey) {
    return new QueryClient(
        Connection.open(
            Settings.firstOf(endpoint, Settings.read("AGENTTRACE_QUERY_ENDPOINT", "127.0.0.1:50052")),
            Settings.firstOf(apiKey, Settings.read("AGENTTRACE_API_KEY", ""))));
  }

  /** The plain stub, for what has no method here. It has no deadline. */
  public QueryServiceGrpc.QueryServiceBlockingStub service() {
    return QueryServiceGrpc.newBlockingStub(channel);
  }

  private QueryServiceGrpc.QueryServiceBlockingStub call() {
    return service().withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS);
  }

  /** A run with its failures and its first 1,000 steps; {@link #steps} has them all. */
  public GetRunResponse run(String runId) {
    return call().getRun(GetRunRequest.newBuilder().setRunId(runId).build());
  }

  /** Statistics. */
  public GetStatsResponse stats(GetStatsRequest request) {
    return call().getStats(request);
  }

  /** Lists runs, newest first. */
  public Listing<RunSummary> runs(ListRunsRequest request) {
    return new Listing<>(
        new Listing.Pages<ListRunsResponse, RunSummary>(
            request.getPageToken(),
            request.getLimit(),
            (token, limit) -> service().listRuns(request.toBuilder().setPageToken(token).setLimit(limit).build()),
            ListRunsResponse::getRunsList,
            ListRunsResponse::getNextPageToken));
  }

  /** Lists steps: of one run in their order, or across runs. */
  public Listing<dev.agenttrace.v1.Step> steps(ListStepsRequest request) {
    return new Listing<>(
        new Listing.Pages<ListStepsResponse, dev.agenttrace.v1.Step>(
            request.getPageToken(),
            request.getLimit(),
            (token, limit) -> service().listSteps(request.toBuilder().setPageToken(token).setLimit(limit).build()),
            ListStepsResponse::getStepsList,
            ListStepsResponse::getNextPageToken));
  }

  /** Lists failures, latest first. */
  public Listing<FailureDetail> failures(ListFailuresRequest request) {
    return new Listing<>(
        new Listing.Pages<ListFailuresResponse, FailureDetail>(
            request.getPageToken(),
            request.getLimit(),
            (token, limit) -> service().listFailures(request.toBuilder().setPageToken(token).setLimit(limit).build()),
            ListFailuresResponse::getFailuresList,
            ListFailuresResponse::getNextPageToken));
  }

  /**
   * Tells of runs as they start, progress and end, until it is closed: answers with runs, or checkpoints without. A
   * watch that breaks goes on at its last resume token, for as long as its server is away.
   */
  public Listing<WatchRunsResponse> watch(WatchRunsRequest request) {
    return new Listing<>(
        new Listing.Events<>(
            request.getResumeToken(),
            token -> service().watchRuns(request.toBuilder().setResumeToken(token).build()),
            WatchRunsResponse::getResumeToken));
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
