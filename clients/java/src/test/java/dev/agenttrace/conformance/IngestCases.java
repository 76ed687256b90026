package dev.agenttrace.conformance;

import dev.agenttrace.v1.IngestServiceGrpc.IngestServiceStub;
import dev.agenttrace.v1.ItemCounts;
import dev.agenttrace.v1.RecordBatchRequest;
import dev.agenttrace.v1.RecordBatchResponse;
import dev.agenttrace.v1.RecordCounts;
import dev.agenttrace.v1.Rejection;
import dev.agenttrace.v1.UploadStepsRequest;
import dev.agenttrace.v1.UploadStepsResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** Cases of the ingest service, and of health. */
final class IngestCases {
  private IngestCases() {}

  static Map<String, ?> recordBatch(Case told, Services services) throws Exception {
    RecordBatchResponse answer = record(told, services, told.text("to"), "request");
    return outcome(answer.getCounts(), answer.getRejectionsList());
  }

  static RecordBatchResponse record(Case told, Services services, String to, String name) throws Exception {
    return services.ingest(told, to).recordBatch(told.message(name, RecordBatchRequest.class));
  }

  private static Map<String, Object> outcome(RecordCounts counts, List<Rejection> rejections) {
    Map<String, Object> observed = new HashMap<>();
    observed.put("rejections", rejections.stream().map(IngestCases::numbers).toList());
    observed.put(
        "counts",
        Map.of(
            "runs", numbers(counts.getRuns()),
            "steps", numbers(counts.getSteps()),
            "failures", numbers(counts.getFailures()),
            "rejected_attributes", counts.getRejectedAttributeCount(),
            "rejected_messages", counts.getRejectedMessageCount(),
            "unknown_fields", counts.getUnknownFieldCount()));
    return observed;
  }

  private static List<Long> numbers(ItemCounts counts) {
    return List.of(counts.getAccepted(), counts.getDuplicate(), counts.getRejected());
  }

  private static List<Number> numbers(Rejection rejection) {
    return List.of(
        rejection.getMessageIndex(),
        rejection.getKindValue(),
        rejection.getItemIndex(),
        rejection.getReasonValue(),
        rejection.getFieldValue());
  }

  static Map<String, ?> uploadSteps(Case told, Services services) throws Exception {
    List<Map<String, ?>> streams = new ArrayList<>();
    for (List<UploadStepsRequest> messages : told.streams(UploadStepsRequest.class)) {
      UploadStepsResponse answer = upload(services.ingestStream(told), messages);
      Map<String, Object> observed = outcome(answer.getCounts(), answer.getRejectionsList());
      observed.putAll(closing(answer));
      streams.add(observed);
    }
    return Map.of("streams", streams);
  }

  private static Map<String, ?> closing(UploadStepsResponse answer) {
    return Map.of(
        "acknowledged", answer.getAcknowledgedMessageCount(), "close_reason", answer.getCloseReasonValue());
  }

  static Map<String, ?> uploadMany(Case told, Services services) throws Exception {
    UploadStepsRequest one = told.message("message", UploadStepsRequest.class);
    List<Map<String, ?>> streams = new ArrayList<>();
    long[] runs = new long[3];
    int left = told.json().get("count").getAsInt();
    while (left > 0) {
      UploadStepsResponse answer = upload(services.ingestStream(told), Collections.nCopies(left, one));
      List<Long> counts = numbers(answer.getCounts().getRuns());
      for (int i = 0; i < runs.length; i++) {
        runs[i] += counts.get(i);
      }
      left -= (int) answer.getAcknowledgedMessageCount();
      streams.add(closing(answer));
    }
    return Map.of("streams", streams, "runs", runs);
  }

  static Map<String, ?> deadline(Case told, Services services) throws Exception {
    UploadStepsRequest one = told.message("message", UploadStepsRequest.class);
    long millis = Math.round(told.json().get("timeout_seconds").getAsDouble() * 1000);
    Answer late = new Answer();
    services.ingestStream(told).withDeadlineAfter(millis, TimeUnit.MILLISECONDS).uploadSteps(late).onNext(one);
    Status.Code status = Status.Code.OK;
    try {
      late.await();
    } catch (StatusRuntimeException failed) {
      status = failed.getStatus().getCode();
    }
    UploadStepsRequest again = one.toBuilder().setResend(true).build();
    ItemCounts runs = upload(services.ingestStream(told), List.of(again)).getCounts().getRuns();
    return Map.of("status", status.value(), "stored", runs.getAccepted() + runs.getDuplicate());
  }

  static Map<String, ?> health(Case told, Services services) {
    List<String> answers = new ArrayList<>();
    for (String service : told.texts("services")) {
      HealthCheckRequest request = HealthCheckRequest.newBuilder().setService(service).build();
      try {
        answers.add(
            services
                .call(told, HealthGrpc.newBlockingStub(services.channel(told.text("to"))))
                .check(request)
                .getStatus()
                .name());
      } catch (StatusRuntimeException failed) {
        answers.add(failed.getStatus().getCode().name());
      }
    }
    return Map.of("answers", answers);
  }

  /** Sends messages in one stream and returns the answer, which may come before all are sent. */
  static UploadStepsResponse upload(IngestServiceStub stub, List<UploadStepsRequest> messages) throws Exception {
    Answer answer = new Answer();
    StreamObserver<UploadStepsRequest> stream = stub.uploadSteps(answer);
    for (UploadStepsRequest message : messages) {
      if (answer.told.isDone()) {
        break;
      }
      stream.onNext(message);
    }
    if (!answer.told.isDone()) {
      stream.onCompleted();
    }
    return answer.await();
  }

  /** The answer of a stream, or how it failed. */
  private static final class Answer implements StreamObserver<UploadStepsResponse> {
    final CompletableFuture<UploadStepsResponse> told = new CompletableFuture<>();

    @Override
    public void onNext(UploadStepsResponse answer) {
      told.complete(answer);
    }

    @Override
    public void onError(Throwable failed) {
      told.completeExceptionally(failed);
    }

    @Override
    public void onCompleted() {
      told.completeExceptionally(new IllegalStateException("the stream ended without an answer"));
    }

    UploadStepsResponse await() throws Exception {
      try {
        return told.get();
      } catch (ExecutionException failed) {
        throw (Exception) failed.getCause();
      }
    }
  }
}
