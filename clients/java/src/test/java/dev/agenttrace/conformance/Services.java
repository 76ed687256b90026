package dev.agenttrace.conformance;

import com.google.gson.JsonObject;
import dev.agenttrace.v1.IngestServiceGrpc;
import dev.agenttrace.v1.QueryServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The services of the endpoints file, each with one connection. */
final class Services implements AutoCloseable {
  static final long TIMEOUT_SECONDS = 30;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final JsonObject endpoints;
  private final Map<String, ManagedChannel> channels = new HashMap<>();

  Services(JsonObject endpoints) {
    this.endpoints = endpoints;
  }

  ManagedChannel channel(String name) {
    return channels.computeIfAbsent(
        name,
        missing ->
            Grpc.newChannelBuilder(endpoints.get(name).getAsString(), InsecureChannelCredentials.create())
                .disableRetry()
                .build());
  }

  /** A stub with the deadline of a call, and the case's key. */
  <S extends AbstractStub<S>> S call(Case told, S stub) {
    if (told.has("key")) {
      String key = endpoints.getAsJsonObject("keys").get(told.text("key")).getAsString();
      Metadata metadata = new Metadata();
      metadata.put(AUTHORIZATION, "Bearer " + key);
      stub = stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
    }
    return stub.withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }

  IngestServiceGrpc.IngestServiceBlockingStub ingest(Case told, String name) {
    return call(told, IngestServiceGrpc.newBlockingStub(channel(name)));
  }

  IngestServiceGrpc.IngestServiceStub ingestStream(Case told) {
    return call(told, IngestServiceGrpc.newStub(channel(told.text("to"))));
  }

  QueryServiceGrpc.QueryServiceBlockingStub query(Case told) {
    return call(told, QueryServiceGrpc.newBlockingStub(channel(told.text("to"))));
  }

  @Override
  public void close() {
    channels.values().forEach(ManagedChannel::shutdownNow);
  }
}
