package dev.agenttrace;

import dev.agenttrace.v1.UploadStepsRequest;
import dev.agenttrace.v1.UploadStepsResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;

/** One upload stream, written by one thread at the pace at which the server reads. */
final class UploadStream implements ClientResponseObserver<UploadStepsRequest, UploadStepsResponse> {
  private ClientCallStreamObserver<UploadStepsRequest> requests;
  private UploadStepsResponse answer;
  private boolean over;
  private StatusRuntimeException failed;

  @Override
  public synchronized void beforeStart(ClientCallStreamObserver<UploadStepsRequest> stream) {
    requests = stream;
    stream.setOnReadyHandler(this::changed);
  }

  private synchronized void changed() {
    notifyAll();
  }

  @Override
  public synchronized void onNext(UploadStepsResponse told) {
    answer = told;
  }

  @Override
  public synchronized void onError(Throwable error) {
    failed = Status.fromThrowable(error).asRuntimeException(Status.trailersFromThrowable(error));
    over = true;
    notifyAll();
  }

  @Override
  public synchronized void onCompleted() {
    over = true;
    notifyAll();
  }

  /** Waits until the next message can be written; false where the stream has ended already. */
  synchronized boolean ready() {
    while (!over && !requests.isReady()) {
      await();
    }
    return !over;
  }

  void send(UploadStepsRequest message) {
    try {
      requests.onNext(message);
    } catch (IllegalStateException cancelled) {
      // The stream's end says so too.
    }
  }

  void cancel() {
    requests.cancel("the tracer was closed", null);
  }

  /** Ends the sending side and waits for the answer. */
  UploadStepsResponse answer() {
    synchronized (this) {
      complete();
      while (!over) {
        await();
      }
      if (failed != null) {
        throw failed;
      }
      if (answer == null) {
        throw Status.INTERNAL.asRuntimeException();
      }
      return answer;
    }
  }

  private void complete() {
    try {
      requests.onCompleted();
    } catch (IllegalStateException cancelled) {
      // The stream's end says so too.
    }
  }

  private void await() {
    try {
      wait();
    } catch (InterruptedException ended) {
      requests.cancel("interrupted", ended);
    }
  }
}
