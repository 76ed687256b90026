package dev.agenttrace;

import com.google.protobuf.Timestamp;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.UUID;

/** Ids, times and tokens, as the contract has them. */
final class Facts {
  private static final SecureRandom RANDOM = new SecureRandom();

  private Facts() {}

  /** A UUIDv7: the time in milliseconds, then random bits. */
  static String newId() {
    byte[] random = new byte[10];
    RANDOM.nextBytes(random);
    long low = 0;
    for (int i = 0; i < 8; i++) {
      low = low << 8 | random[i] & 0xff;
    }
    long twelve = (random[8] & 0x0f) << 8 | random[9] & 0xff;
    long high = System.currentTimeMillis() << 16 | 0x7000 | twelve;
    return new UUID(high, low & 0x3fffffffffffffffL | 0x8000000000000000L).toString();
  }

  static Timestamp now() {
    Instant now = Instant.now();
    return Timestamp.newBuilder().setSeconds(now.getEpochSecond()).setNanos(now.getNano()).build();
  }

  /** The later of two times: the clock may have been set back. */
  static Timestamp latest(Timestamp one, Timestamp other) {
    int order = Long.compare(one.getSeconds(), other.getSeconds());
    if (order == 0) {
      order = Integer.compare(one.getNanos(), other.getNanos());
    }
    return order >= 0 ? one : other;
  }

  static boolean isToken(String text) {
    return text != null && Limits.TOKEN.matcher(text).matches();
  }
}
