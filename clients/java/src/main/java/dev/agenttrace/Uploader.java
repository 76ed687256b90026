package dev.agenttrace;

import dev.agenttrace.v1.IngestServiceGrpc.IngestServiceStub;
import dev.agenttrace.v1.ItemCounts;
import dev.agenttrace.v1.RecordCounts;
import dev.agenttrace.v1.UploadStepsResponse;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The thread that sends, and sends again what was not acknowledged. */
final class Uploader {
  private static final long LINGER_MILLIS = 1000; // how long an item waits for others
  private static final long UPLOAD_SECONDS = 30;
  // Below the contract's limits for one stream.
  private static final int STREAM_BYTES = 6 << 20;
  private static final int STREAM_MESSAGES = 500;

  private final ItemQueue queue;
  private final IngestServiceStub service;
  private final Backoff backoff = new Backoff();
  private final CountDownLatch givenUp = new CountDownLatch(1);
  private final Thread thread = Tracer.daemon(this::run, "agenttrace-upload");
  private volatile UploadStream current;

  Uploader(ItemQueue queue, IngestServiceStub service) {
    this.queue = queue;
    this.service = service;
  }

  void start() {
    thread.start();
  }

  /** Ends after the closed queue is empty; what is left is dropped if it is to give up. */
  void end(boolean giveUp) {
    if (giveUp) {
      givenUp.countDown();
      UploadStream sending = current;
      if (sending != null) {
        sending.cancel();
      }
    }
    try {
      thread.join(TimeUnit.SECONDS.toMillis(UPLOAD_SECONDS));
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
    }
    givenUp.countDown();
  }

  private void run() {
    boolean over = false;
    while (!over) {
      over = queue.isClosed(); // then nothing is added any more, and what is taken now is the last
      Deque<Batch> batches = new ArrayDeque<>(Batch.of(queue.take(over ? 0 : LINGER_MILLIS)));
      try {
        deliver(batches);
      } catch (RuntimeException fault) {
        batches.forEach(batch -> queue.drop(batch.items())); // counted: a fault of ours is not the host's
      }
    }
  }

  /** Sends batches until each is acknowledged or given up. */
  void deliver(Deque<Batch> batches) {
    while (!batches.isEmpty()) {
      if (givenUp.getCount() == 0) {
        batches.forEach(batch -> queue.drop(batch.items()));
        return;
      }
      try {
        settle(upload(head(batches)), batches);
      } catch (StatusRuntimeException failed) {
        ErrorDetails details = ErrorDetails.of(failed);
        if (backoff.givesUp(details)) {
          queue.drop(batches.remove().items());
        } else {
          pause(backoff.delay(details.retryAfter()));
        }
      }
    }
  }

  private UploadStepsResponse upload(List<Batch> batches) {
    UploadStream stream = new UploadStream();
    current = stream;
    service.withDeadlineAfter(UPLOAD_SECONDS, TimeUnit.SECONDS).uploadSteps(stream);
    if (givenUp.getCount() == 0) {
      stream.cancel();
    }
    for (Batch batch : batches) {
      if (!stream.ready()) {
        break; // the server has answered already, and its answer says how much it took
      }
      stream.send(batch.next());
    }
    return stream.answer();
  }

  /** Counts and removes the batches that an answer acknowledges. */
  private void settle(UploadStepsResponse answer, Deque<Batch> batches) {
    long items = 0;
    for (long left = answer.getAcknowledgedMessageCount(); left > 0 && !batches.isEmpty(); left--) {
      items += batches.remove().items();
    }
    long accepted = 0;
    long duplicate = 0;
    RecordCounts counts = answer.getCounts();
    for (ItemCounts kind : List.of(counts.getRuns(), counts.getSteps(), counts.getFailures())) {
      accepted += kind.getAccepted();
      duplicate += kind.getDuplicate();
    }
    queue.settle(items, accepted, duplicate, counts.getRejectedAttributeCount());
    if (items > 0) {
      backoff.succeeded();
    } else {
      pause(backoff.delay(Duration.ZERO));
    }
  }

  private void pause(long millis) {
    try {
      givenUp.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException ended) {
      givenUp.countDown(); // nobody else interrupts this thread but a host that ends all of them
    }
  }

  /** The first batches, as many as one stream may carry. */
  static List<Batch> head(Iterable<Batch> batches) {
    List<Batch> head = new ArrayList<>();
    int total = 0;
    for (Batch batch : batches) {
      total += batch.bytes();
      if (head.size() == STREAM_MESSAGES || (!head.isEmpty() && total > STREAM_BYTES)) {
        break;
      }
      head.add(batch);
    }
    return head;
  }
}
