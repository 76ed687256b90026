package dev.agenttrace;

import static dev.agenttrace.v1.StepType.STEP_TYPE_TOOL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.MessageLite;
import com.google.rpc.Code;
import com.google.rpc.RetryInfo;
import dev.agenttrace.v1.UploadStepsRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeliveryTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  private static Recorded.Answer failing(StatusRuntimeException failure) {
    return new Recorded.Answer(0, failure);
  }

  private static void record(Tracer tracer) {
    tracer.run(RunOptions.NONE, run -> run.step(STEP_TYPE_TOOL, "a", step -> {}));
  }

  @Test
  void whatAnEarlyAnswerDidNotAcknowledgeIsSentAgain() throws IOException {
    try (Recorded server = new Recorded(new Recorded.Answer(1, null));
        Tracer tracer = server.tracer()) {
      for (int i = 0; i < 2000; i++) {
        record(tracer);
      }
      Receipt receipt = tracer.close(LONG);

      assertEquals(6000, receipt.accepted());
      assertTrue(receipt.complete());
      assertEquals(2000, server.steps().stream().map(dev.agenttrace.v1.Step::getStepId).distinct().count());
    }
  }

  @Test
  void aServerThatIsAwayForAWhileLosesNothing() throws IOException {
    try (Recorded server = new Recorded(failing(Status.UNAVAILABLE.asRuntimeException()));
        Tracer tracer = server.tracer()) {
      record(tracer);
      Receipt receipt = tracer.close(LONG);

      assertEquals(3, receipt.accepted());
      assertEquals(List.of(true), server.messages.stream().map(UploadStepsRequest::getResend).toList());
    }
  }

  @Test
  void theServersDelayIsWaitedFor() throws IOException {
    RetryInfo asked =
        RetryInfo.newBuilder()
            .setRetryDelay(com.google.protobuf.Duration.newBuilder().setNanos(700_000_000))
            .build();
    com.google.rpc.Status limited =
        com.google.rpc.Status.newBuilder()
            .setCode(Code.RESOURCE_EXHAUSTED_VALUE)
            .addDetails(Any.pack(asked))
            .build();
    try (Recorded server = new Recorded(failing(StatusProto.toStatusRuntimeException(limited)));
        Tracer tracer = server.tracer()) {
      record(tracer);

      assertTrue(tracer.close(LONG).complete());
      assertTrue(server.times.get(1) - server.times.get(0) >= 700_000_000L);
    }
  }

  @Test
  void aBatchThatIsRefusedForGoodHoldsUpNoOther() throws IOException {
    try (Recorded server = new Recorded(failing(Status.INVALID_ARGUMENT.asRuntimeException()));
        Tracer tracer = server.tracer()) {
      record(tracer);
      assertEquals(3, tracer.flush(LONG).dropped());
      record(tracer);
      Receipt receipt = tracer.close(LONG);

      assertEquals(3, receipt.dropped());
      assertEquals(3, receipt.accepted());
    }
  }

  @Test
  void closingGivesUpInTime() {
    Tracer tracer = Tracer.builder("support").endpoint("127.0.0.1:1").build();
    record(tracer);
    Receipt receipt = tracer.close(Duration.ofMillis(100));
    record(tracer);

    assertEquals(3, receipt.dropped());
    assertEquals(0, receipt.pending());
    assertEquals(6, tracer.close(Duration.ZERO).dropped());
  }

  @Test
  void aThreadThatIsToEndMayStillClose() throws IOException {
    try (Recorded server = new Recorded();
        Tracer tracer = server.tracer()) {
      record(tracer);
      Thread.currentThread().interrupt();
      Receipt receipt = tracer.close(LONG);

      assertTrue(Thread.interrupted());
      assertEquals(3, receipt.accepted());
    }
  }

  /** A process that records and ends without closing its tracer. */
  static final class Forgetful {
    public static void main(String[] arguments) {
      record(Tracer.builder("support").endpoint(arguments[0]).build());
    }
  }

  private static int run(String address, String disabled) throws IOException, InterruptedException {
    ProcessBuilder process =
        new ProcessBuilder(
            ProcessHandle.current().info().command().orElse("java"),
            "-cp",
            System.getProperty("java.class.path"),
            Forgetful.class.getName(),
            address);
    process.environment().put("AGENTTRACE_DISABLED", disabled);
    return process.inheritIO().start().waitFor();
  }

  @Test
  void theEndOfTheProcessSendsWhatWaits() throws IOException, InterruptedException {
    try (Recorded server = new Recorded()) {
      assertEquals(0, run(server.address(), ""));
      assertEquals(2, server.runs().size());
    }
  }

  @Test
  void nothingIsSentWhereItIsDisabled() throws IOException, InterruptedException {
    try (Recorded server = new Recorded()) {
      assertEquals(0, run(server.address(), "1"));
      assertEquals(0, server.times.size());
    }
  }

  @Test
  void aFullQueueDropsAndCountsAndNobodyWaits() {
    try (Tracer tracer = Tracer.builder("support").endpoint("127.0.0.1:1").queueItems(10).build()) {
      for (int i = 0; i < 5; i++) {
        record(tracer);
      }
      Receipt receipt = tracer.receipt();

      assertEquals(10, receipt.pending());
      assertEquals(5, receipt.dropped());
      tracer.close(Duration.ZERO);
    }
  }

  @Test
  void aStreamCarriesNoMoreThanItMay() {
    MessageLite large =
        dev.agenttrace.v1.Step.newBuilder().setName("x".repeat(3 << 20)).build(); // two of them are a stream and more
    assertEquals(1, Uploader.head(Batch.of(List.of(large, large, large))).size());

    List<MessageLite> small = Collections.nCopies(Batch.ITEMS * 510, dev.agenttrace.v1.Step.getDefaultInstance());
    assertEquals(500, Uploader.head(Batch.of(small)).size());
  }
}
