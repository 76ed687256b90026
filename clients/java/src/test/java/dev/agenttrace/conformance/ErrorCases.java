package dev.agenttrace.conformance;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.agenttrace.v1.GetRunRequest;
import dev.agenttrace.v1.ListRunsRequest;
import dev.agenttrace.v1.UploadStepsRequest;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Cases of calls that fail. */
final class ErrorCases {
  private ErrorCases() {}

  static Map<String, ?> error(Case told, Services services) throws Exception {
    if (told.has("before")) {
      IngestCases.record(told, services, told.text("to"), "before");
    }
    try {
      fail(told, services);
    } catch (StatusRuntimeException failed) {
      return explained(failed);
    }
    throw new IllegalStateException("the call did not fail");
  }

  private static void fail(Case told, Services services) throws Exception {
    switch (told.text("method")) {
      case "RecordBatch" -> IngestCases.record(told, services, told.text("to"), "request");
      case "UploadSteps" ->
          IngestCases.upload(
              services.ingestStream(told), List.of(told.message("request", UploadStepsRequest.class)));
      case "GetRun" -> services.query(told).getRun(told.message("request", GetRunRequest.class));
      case "ListRuns" ->
          services
              .query(told)
              .listRuns(told.message("request", ListRunsRequest.class))
              .forEachRemaining(chunk -> {});
      default -> throw new IllegalArgumentException("not known: " + told.text("method"));
    }
  }

  private static Map<String, ?> explained(StatusRuntimeException failed) throws InvalidProtocolBufferException {
    Map<String, Object> observed = new HashMap<>();
    observed.put("status", failed.getStatus().getCode().value());
    observed.put("reason", "");
    observed.put("domain", "");
    observed.put("metadata", Map.of());
    observed.put("violations", List.of());
    observed.put("has_retry_delay", false);
    for (Any detail : StatusProto.fromThrowable(failed).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        observed.put("reason", info.getReason());
        observed.put("domain", info.getDomain());
        observed.put("metadata", info.getMetadataMap());
      } else if (detail.is(BadRequest.class)) {
        observed.put(
            "violations",
            detail.unpack(BadRequest.class).getFieldViolationsList().stream()
                .map(BadRequest.FieldViolation::getField)
                .toList());
      } else if (detail.is(RetryInfo.class)) {
        com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
        observed.put("has_retry_delay", delay.getSeconds() > 0 || delay.getNanos() > 0);
      }
    }
    return observed;
  }
}
