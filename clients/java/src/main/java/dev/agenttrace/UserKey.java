package dev.agenttrace;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The keyed hash by which a run names its user. */
public final class UserKey {
  private UserKey() {}

  /**
   * HMAC-SHA256, 64 hex digits. Keep the secret the same, so that a user stays the same one; and keep it secret, so
   * that nobody finds out who it is.
   */
  public static String of(String userId, byte[] secret) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret, "HmacSHA256"));
      return HexFormat.of().formatHex(mac.doFinal(userId.getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException missing) {
      throw new IllegalStateException("every Java has HmacSHA256", missing);
    }
  }
}
