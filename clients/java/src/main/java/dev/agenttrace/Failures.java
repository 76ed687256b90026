package dev.agenttrace;

import static java.util.Map.entry;

import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.FailureType;
import dev.agenttrace.v1.StepType;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.lang.reflect.InvocationTargetException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Stream;

/** Which failure an exception is: found by the name of its class and its gRPC status, never by its text. */
final class Failures {
  static final String DEFAULT_CODE = "uncaught_exception";
  private static final int MOST_CAUSES = 16;

  // A name stands for a class of that name in any library, so that none has to be there.
  private static final Map<String, String> CODES =
      byName(
          Map.of(
              "timeout",
              "TimeoutException SocketTimeoutException HttpTimeoutException InterruptedIOException SQLTimeoutException"
                  + " ReadTimeoutException ConnectTimeoutException QueryTimeoutException ApiTimeoutException",
              "cancelled",
              "CancellationException InterruptedException ClosedByInterruptException",
              "rate_limited",
              "RateLimitException RateLimitedException TooManyRequestsException ThrottlingException",
              "connection_failed",
              "SocketException UnknownHostException UnresolvedAddressException SSLException"
                  + " SQLTransientConnectionException SQLNonTransientConnectionException",
              "permission_denied",
              "AccessDeniedException SecurityException UnauthorizedException ForbiddenException"
                  + " PermissionDeniedException AuthenticationException",
              "not_found",
              "FileNotFoundException NoSuchFileException NoSuchElementException NotFoundException"
                  + " ResourceNotFoundException",
              "schema_invalid",
              "JsonProcessingException JsonParseException InvalidProtocolBufferException ConstraintViolationException"
                  + " ValidationException",
              "invalid_arguments",
              "IllegalArgumentException BadRequestException UnprocessableEntityException",
              "unavailable",
              "ServiceUnavailableException InternalServerException"));

  private static final Map<Status.Code, String> GRPC_CODES =
      Map.ofEntries(
          entry(Status.Code.CANCELLED, "cancelled"),
          entry(Status.Code.INVALID_ARGUMENT, "invalid_arguments"),
          entry(Status.Code.DEADLINE_EXCEEDED, "timeout"),
          entry(Status.Code.NOT_FOUND, "not_found"),
          entry(Status.Code.ALREADY_EXISTS, "invalid_arguments"),
          entry(Status.Code.PERMISSION_DENIED, "permission_denied"),
          entry(Status.Code.RESOURCE_EXHAUSTED, "rate_limited"),
          entry(Status.Code.FAILED_PRECONDITION, "invalid_arguments"),
          entry(Status.Code.ABORTED, "unavailable"),
          entry(Status.Code.OUT_OF_RANGE, "invalid_arguments"),
          entry(Status.Code.UNIMPLEMENTED, "not_found"),
          entry(Status.Code.INTERNAL, "unavailable"),
          entry(Status.Code.UNAVAILABLE, "unavailable"),
          entry(Status.Code.UNAUTHENTICATED, "permission_denied"));

  // They only carry another exception.
  private static final Set<Class<?>> CARRIERS =
      Set.of(ExecutionException.class, CompletionException.class, InvocationTargetException.class);

  private Failures() {}

  private static Map<String, String> byName(Map<String, String> namesByCode) {
    Map<String, String> codes = new HashMap<>();
    namesByCode.forEach((code, names) -> Stream.of(names.split(" ")).forEach(name -> codes.put(name, code)));
    return Map.copyOf(codes);
  }

  static FailureType typeOf(StepType stepType) {
    return switch (stepType) {
      case STEP_TYPE_TOOL -> FailureType.FAILURE_TYPE_TOOL;
      case STEP_TYPE_RETRIEVE -> FailureType.FAILURE_TYPE_RETRIEVAL;
      case STEP_TYPE_MODEL, STEP_TYPE_RESPOND -> FailureType.FAILURE_TYPE_MODEL;
      default -> FailureType.FAILURE_TYPE_ORCHESTRATION;
    };
  }

  /** The code of an exception or of what caused it, the nearest first; the host's own entries come before the table. */
  static String code(Throwable failed, Function<? super Throwable, String> own) {
    Throwable at = failed;
    for (int i = 0; at != null && i < MOST_CAUSES; i++, at = at.getCause()) {
      String code = codeOfOne(at, own);
      if (!code.isEmpty()) {
        return code;
      }
    }
    return DEFAULT_CODE;
  }

  private static String codeOfOne(Throwable failed, Function<? super Throwable, String> own) {
    String told = told(failed, own);
    if (Facts.isToken(told)) {
      return told;
    }
    Status status = statusOf(failed);
    if (status != null) {
      return GRPC_CODES.getOrDefault(status.getCode(), "");
    }
    for (Class<?> type = failed.getClass(); type != null; type = type.getSuperclass()) {
      String code = CODES.get(type.getSimpleName());
      if (code != null) {
        return code;
      }
    }
    return "";
  }

  private static String told(Throwable failed, Function<? super Throwable, String> own) {
    try {
      String told = own == null ? null : own.apply(failed);
      return !Facts.isToken(told) && failed instanceof FailureCoded coded ? coded.failureCode() : told;
    } catch (RuntimeException inTheHostsFunction) {
      return null;
    }
  }

  /** Whether the work was ended from outside, which is no failure of the work. */
  static boolean isCancellation(Throwable failed) {
    Throwable carried = carried(failed);
    return statusOf(carried) == null && codeOfOne(carried, null).equals("cancelled");
  }

  /** Tells of an exception what may be told: the name of its class, and its gRPC status. */
  static void describe(Failure.Builder failure, Throwable failed) {
    if (failed == null) {
      return;
    }
    Throwable carried = carried(failed);
    String name = carried.getClass().getName();
    if (Facts.isToken(name)) {
      failure.setExceptionType(name);
    }
    Status status = statusOf(carried);
    if (status != null && !status.isOk()) {
      failure.setGrpcStatus(status.getCode().value());
    }
  }

  private static Throwable carried(Throwable failed) {
    Throwable at = failed;
    for (int i = 0; CARRIERS.contains(at.getClass()) && at.getCause() != null && i < MOST_CAUSES; i++) {
      at = at.getCause();
    }
    return at;
  }

  private static Status statusOf(Throwable failed) {
    if (failed instanceof StatusRuntimeException unchecked) {
      return unchecked.getStatus();
    }
    return failed instanceof StatusException checked ? checked.getStatus() : null;
  }
}
