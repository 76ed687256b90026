package dev.agenttrace.conformance;

import com.google.gson.JsonObject;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.agenttrace.Limits;
import dev.agenttrace.v1.ListRunsResponse;
import dev.agenttrace.v1.RunSummary;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.Map;

/** Cases of bytes and tables: nothing is called. */
final class ByteCases {
  private ByteCases() {}

  static Map<String, ?> encode(Case told, Services services) throws Exception {
    return Map.of("bytes", written(told.part("message").made()));
  }

  static Map<String, ?> decode(Case told, Services services) throws Exception {
    String name = told.part("expect").has("message") ? "message" : "bytes";
    return Map.of(name, written(told.read()));
  }

  private static String written(Message message) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream output = CodedOutputStream.newInstance(bytes);
    output.useDeterministicSerialization();
    message.writeTo(output);
    output.flush();
    return Base64.getEncoder().encodeToString(bytes.toByteArray());
  }

  static Map<String, ?> decodeRuns(Case told, Services services) throws Exception {
    ListRunsResponse answer = ListRunsResponse.parseFrom(told.bytes());
    return Map.of(
        "next_page_token", answer.getNextPageToken(),
        "runs", answer.getRunsList().stream().map(ByteCases::told).toList());
  }

  private static Map<String, ?> told(RunSummary summary) {
    return Map.of(
        "run_id", summary.getRun().getRunId(),
        "status", summary.getRun().getStatusValue(),
        "step_count", summary.getStepCount(),
        "failure_types", summary.getFailureTypesValueList());
  }

  static Map<String, ?> refuse(Case told, Services services) throws Exception {
    try {
      told.read();
      return Map.of("refused", false);
    } catch (InvalidProtocolBufferException refused) {
      return Map.of("refused", true);
    }
  }

  static Map<String, ?> limits(Case told, Services services) {
    return Map.of("limits", Limits.ALL);
  }

  static Map<String, ?> forms(Case told, Services services) {
    return Map.of("matches", told.list("examples").stream().map(one -> matches(one.getAsJsonObject())).toList());
  }

  private static boolean matches(JsonObject example) {
    String text = example.get("text").getAsString();
    return Limits.FORMS.get(example.get("form").getAsString()).matcher(text).matches();
  }
}
