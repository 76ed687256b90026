package dev.agenttrace;

import com.google.protobuf.MessageLite;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Holds items until they are taken into batches, and counts all until they are settled. */
final class ItemQueue {
  private final int capacity;
  private final boolean wait; // whether add waits for room
  private List<MessageLite> items = new ArrayList<>();
  private long added; // items ever taken in
  private long settled; // of these, acknowledged or given up
  private long accepted;
  private long duplicate;
  private long rejected;
  private long rejectedAttributes;
  private long dropped;
  private long corrected;
  private boolean hurried;
  private boolean closed;

  ItemQueue(int capacity, boolean wait) {
    this.capacity = capacity;
    this.wait = wait;
  }

  /** Takes an item; it is dropped and counted where there is no room. */
  synchronized void add(MessageLite item) {
    while (wait && !closed && added - settled >= capacity) {
      hurry();
      if (!waited(0)) {
        break;
      }
    }
    if (closed || added - settled >= capacity) {
      dropped++;
      return;
    }
    items.add(item);
    added++;
    if (items.size() >= Batch.ITEMS) {
      hurry();
    }
  }

  synchronized void corrected() {
    corrected++;
  }

  /** Lets the uploader take what waits at once. */
  private void hurry() {
    if (!hurried) {
      hurried = true;
      notifyAll();
    }
  }

  /** Waits for a full batch, for somebody who hurries, or so long; returns everything that waits. */
  synchronized List<MessageLite> take(long millis) {
    long until = System.nanoTime() + millis * 1_000_000;
    while (!hurried && !closed) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0 || !waited(left)) {
        break;
      }
    }
    hurried = false;
    List<MessageLite> taken = items;
    items = new ArrayList<>();
    return taken;
  }

  /** Counts what became of so many items. */
  synchronized void settle(long count, long accepted, long duplicate, long rejectedAttributes) {
    settled += count;
    this.accepted += accepted;
    this.duplicate += duplicate;
    // What was neither accepted nor known was refused, alone or with its whole message.
    rejected += count - accepted - duplicate;
    this.rejectedAttributes += rejectedAttributes;
    notifyAll();
  }

  synchronized void drop(long count) {
    settled += count;
    dropped += count;
    notifyAll();
  }

  synchronized void close() {
    closed = true;
    notifyAll();
  }

  synchronized boolean isClosed() {
    return closed;
  }

  synchronized Receipt receipt() {
    return new Receipt(
        accepted, duplicate, rejected, rejectedAttributes, dropped, corrected, added - settled);
  }

  /** Waits until everything that was added before is settled, at most so long. */
  synchronized Receipt flushed(Duration timeout) {
    long wanted = added;
    long until = System.nanoTime() + timeout.toNanos();
    while (settled < wanted) {
      long left = (until - System.nanoTime()) / 1_000_000;
      hurry();
      if (left <= 0 || !waited(left)) {
        break;
      }
    }
    return receipt();
  }

  /** Waits for a change, at most so long (0: without end); false where the thread is to end. */
  private boolean waited(long millis) {
    try {
      wait(millis);
      return true;
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
