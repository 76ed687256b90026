package dev.agenttrace.conformance;

import static java.util.Map.entry;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Does the cases of tests/conformance/plan.json on the plain generated stubs and reports what it saw. */
public final class Main {
  private static final Gson GSON = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

  /** Does a case and returns what it observed, to be written as JSON. */
  interface Act {
    Map<String, ?> observe(Case told, Services services) throws Exception;
  }

  private static final Map<String, Act> ACTS =
      Map.ofEntries(
          entry("encode", ByteCases::encode),
          entry("decode", ByteCases::decode),
          entry("decode_runs", ByteCases::decodeRuns),
          entry("refuse", ByteCases::refuse),
          entry("limits", ByteCases::limits),
          entry("forms", ByteCases::forms),
          entry("health", IngestCases::health),
          entry("record_batch", IngestCases::recordBatch),
          entry("upload_steps", IngestCases::uploadSteps),
          entry("upload_many", IngestCases::uploadMany),
          entry("deadline", IngestCases::deadline),
          entry("error", ErrorCases::error),
          entry("get_run", QueryCases::getRun),
          entry("list_runs", QueryCases::listRuns),
          entry("list_resuming", QueryCases::listResuming),
          entry("watch", QueryCases::watch));

  private Main() {}

  /** Takes {@code --plan FILE --endpoints FILE --report FILE}. */
  public static void main(String[] arguments) throws IOException {
    Map<String, String> files = new HashMap<>();
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      files.put(arguments[i], arguments[i + 1]);
    }
    List<Map<String, ?>> entries = new ArrayList<>();
    try (Services services = new Services(read(files.get("--endpoints")))) {
      for (JsonElement element : read(files.get("--plan")).getAsJsonArray("cases")) {
        entries.add(done(new Case(element.getAsJsonObject()), services));
      }
    }
    Map<String, ?> report = Map.of("language", "java", "versions", versions(), "cases", entries);
    Files.writeString(Path.of(files.get("--report")), GSON.toJson(report));
  }

  private static Map<String, ?> done(Case told, Services services) {
    try {
      Act act = ACTS.get(told.text("do"));
      if (act == null) {
        throw new IllegalArgumentException("not known: " + told.text("do"));
      }
      return report(told, true, "", act.observe(told, services));
    } catch (Exception failed) {
      return report(told, false, failed.toString(), Map.of());
    }
  }

  private static Map<String, ?> report(Case told, boolean ok, String detail, Map<String, ?> observed) {
    return Map.of("id", told.text("id"), "ok", ok, "detail", detail, "observed", observed);
  }

  private static Map<String, String> versions() {
    return Map.of(
        "java", System.getProperty("java.version"),
        "grpc", versionOf(ManagedChannel.class),
        "protobuf", versionOf(Message.class));
  }

  private static String versionOf(Class<?> type) {
    return String.valueOf(type.getPackage().getImplementationVersion());
  }

  private static JsonObject read(String file) throws IOException {
    return GSON.fromJson(Files.readString(Path.of(file)), JsonObject.class);
  }
}
