package dev.agenttrace;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the services tell of a call that failed.
 *
 * @param code the gRPC status
 * @param reason a value of ErrorReason without its prefix, such as "RUN_NOT_FOUND"; empty when the error is not the
 *     services'
 * @param facts go with the reason, such as the scope that a key lacks
 * @param fields the fields of the request that are wrong, with what they must be
 * @param retryAfter when to try again; zero when not told
 */
public record ErrorDetails(
    Status.Code code, String reason, Map<String, String> facts, Map<String, String> fields, Duration retryAfter) {
  private static final String DOMAIN = "agenttrace";

  /** The details of what a call threw. */
  public static ErrorDetails of(Throwable failed) {
    String reason = "";
    Map<String, String> facts = Map.of();
    Map<String, String> fields = new HashMap<>();
    Duration retryAfter = Duration.ZERO;
    com.google.rpc.Status told = StatusProto.fromThrowable(failed);
    for (Any detail : told == null ? List.<Any>of() : told.getDetailsList()) {
      try {
        if (detail.is(ErrorInfo.class) && detail.unpack(ErrorInfo.class).getDomain().equals(DOMAIN)) {
          reason = detail.unpack(ErrorInfo.class).getReason();
          facts = detail.unpack(ErrorInfo.class).getMetadataMap();
        } else if (detail.is(BadRequest.class)) {
          detail
              .unpack(BadRequest.class)
              .getFieldViolationsList()
              .forEach(wrong -> fields.put(wrong.getField(), wrong.getDescription()));
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException damaged) {
        // Something on the way made it: there is nothing to tell.
      }
    }
    return new ErrorDetails(Status.fromThrowable(failed).getCode(), reason, facts, Map.copyOf(fields), retryAfter);
  }
}
