package dev.agenttrace;

import com.google.protobuf.MessageLite;
import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.IngestServiceGrpc;
import dev.agenttrace.v1.ItemCounts;
import dev.agenttrace.v1.RecordCounts;
import dev.agenttrace.v1.UploadStepsRequest;
import dev.agenttrace.v1.UploadStepsResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.function.UnaryOperator;

/**
 * A server on a socket that keeps what it takes and answers streams as it is told, then takes everything: what a
 * server of ours does rarely, when it drains or is out of breath.
 */
final class Recorded extends IngestServiceGrpc.IngestServiceImplBase implements AutoCloseable {
  /** What is done with one stream: read so many messages, then acknowledge them, or fail. */
  record Answer(int messages, StatusRuntimeException failure) {}

  final List<UploadStepsRequest> messages = new ArrayList<>();
  final List<Long> times = new ArrayList<>(); // of the streams, in nanoseconds
  private final Queue<Answer> script;
  private final Server server;

  Recorded(Answer... script) throws IOException {
    this.script = new ArrayDeque<>(List.of(script));
    server = Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create()).addService(this).build().start();
  }

  String address() {
    return "127.0.0.1:" + server.getPort();
  }

  Tracer tracer() {
    return tracer(builder -> builder);
  }

  Tracer tracer(UnaryOperator<Tracer.Builder> more) {
    return more.apply(Tracer.builder("support").endpoint(address())).build();
  }

  synchronized List<dev.agenttrace.v1.Run> runs() {
    return all(UploadStepsRequest::getRunsList);
  }

  synchronized List<dev.agenttrace.v1.Step> steps() {
    return all(UploadStepsRequest::getStepsList);
  }

  synchronized List<Failure> failures() {
    return all(UploadStepsRequest::getFailuresList);
  }

  private <T extends MessageLite> List<T> all(java.util.function.Function<UploadStepsRequest, List<T>> kind) {
    return messages.stream().flatMap(message -> kind.apply(message).stream()).toList();
  }

  @Override
  public StreamObserver<UploadStepsRequest> uploadSteps(StreamObserver<UploadStepsResponse> answers) {
    Answer next;
    synchronized (this) {
      times.add(System.nanoTime());
      next = script.isEmpty() ? new Answer(-1, null) : script.remove();
    }
    return new StreamObserver<>() {
      private final RecordCounts.Builder counts = RecordCounts.newBuilder();
      private int taken;
      private boolean answered;

      @Override
      public void onNext(UploadStepsRequest message) {
        if (answered) {
          return;
        }
        if (next.failure() != null) {
          answered = true;
          answers.onError(next.failure());
          return;
        }
        taken++;
        counts.setRuns(ItemCounts.newBuilder().setAccepted(counts.getRuns().getAccepted() + message.getRunsCount()));
        counts.setSteps(ItemCounts.newBuilder().setAccepted(counts.getSteps().getAccepted() + message.getStepsCount()));
        counts.setFailures(
            ItemCounts.newBuilder().setAccepted(counts.getFailures().getAccepted() + message.getFailuresCount()));
        synchronized (Recorded.this) {
          messages.add(message);
        }
        if (taken == next.messages()) {
          onCompleted();
        }
      }

      @Override
      public void onError(Throwable broken) {
        answered = true;
      }

      @Override
      public void onCompleted() {
        if (!answered) {
          answered = true;
          answers.onNext(
              UploadStepsResponse.newBuilder().setAcknowledgedMessageCount(taken).setCounts(counts).build());
          answers.onCompleted();
        }
      }
    };
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}
