package dev.agenttrace;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;

/** Opens connections. */
final class Connection {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private Connection() {}

  /**
   * A connection that is made when it is needed. Retries of gRPC itself are off: what is not acknowledged is sent
   * again by the uploader, and a listing goes on by its page token.
   */
  static ManagedChannel open(String endpoint, String apiKey) {
    String address = endpoint.replaceFirst("^https?://", "");
    boolean plaintext = endpoint.startsWith("http://") || (address.equals(endpoint) && isLoopback(address));
    return Grpc.newChannelBuilder(address, plaintext ? InsecureChannelCredentials.create() : tls())
        .disableRetry()
        .intercept(withKey(apiKey))
        .build();
  }

  private static ClientInterceptor withKey(String apiKey) {
    Metadata metadata = new Metadata();
    if (!apiKey.isEmpty()) {
      metadata.put(AUTHORIZATION, "Bearer " + apiKey);
    }
    return MetadataUtils.newAttachHeadersInterceptor(metadata);
  }

  static boolean isLoopback(String address) {
    return address.startsWith("127.")
        || address.equals("localhost")
        || address.startsWith("localhost:")
        || address.startsWith("[::1]:");
  }

  private static ChannelCredentials tls() {
    String roots = Settings.read("AGENTTRACE_ROOT_CERTIFICATES", "");
    String certificate = Settings.read("AGENTTRACE_CLIENT_CERTIFICATE", "");
    String key = Settings.read("AGENTTRACE_CLIENT_KEY", "");
    TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
    try {
      if (!roots.isEmpty()) {
        credentials.trustManager(new File(roots));
      }
      if (!certificate.isEmpty() || !key.isEmpty()) {
        credentials.keyManager(new File(certificate), new File(key));
      }
    } catch (IOException unreadable) {
      throw new IllegalArgumentException("a certificate can not be read", unreadable);
    }
    return credentials.build();
  }
}
