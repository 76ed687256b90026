package dev.agenttrace;

import com.google.protobuf.MessageLite;
import dev.agenttrace.v1.Failure;
import dev.agenttrace.v1.UploadStepsRequest;
import java.util.ArrayList;
import java.util.List;

/** One message of an upload stream. */
final class Batch {
  static final int ITEMS = 512;
  // Far below the 4 MiB of a message: the one item that passes it may be a large one.
  private static final int BYTES = 1 << 20;

  private final UploadStepsRequest.Builder message = UploadStepsRequest.newBuilder();
  private int items;
  private int bytes;

  /** Items in batches, in their order. */
  static List<Batch> of(List<MessageLite> items) {
    List<Batch> batches = new ArrayList<>();
    Batch current = null;
    for (MessageLite item : items) {
      if (current == null || current.items >= ITEMS || current.bytes >= BYTES) {
        current = new Batch();
        batches.add(current);
      }
      current.add(item);
    }
    return batches;
  }

  private void add(MessageLite item) {
    if (item instanceof dev.agenttrace.v1.Run run) {
      message.addRuns(run);
    } else if (item instanceof dev.agenttrace.v1.Step step) {
      message.addSteps(step);
    } else if (item instanceof Failure failure) {
      message.addFailures(failure);
    }
    items++;
    bytes += item.getSerializedSize() + 4; // its tag and length
  }

  int items() {
    return items;
  }

  int bytes() {
    return bytes;
  }

  /** What is sent; from the second time on marked as sent again. */
  UploadStepsRequest next() {
    UploadStepsRequest sent = message.build();
    message.setResend(true);
    return sent;
  }
}
