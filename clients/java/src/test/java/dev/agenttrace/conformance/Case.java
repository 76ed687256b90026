package dev.agenttrace.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** One case of the plan, or a message in it; which fields it has is said by what it does. */
record Case(JsonObject json) {

  boolean has(String name) {
    return json.has(name);
  }

  /** A text; empty where there is none. */
  String text(String name) {
    return has(name) ? json.get(name).getAsString() : "";
  }

  Case part(String name) {
    return new Case(json.getAsJsonObject(name));
  }

  List<JsonElement> list(String name) {
    return json.getAsJsonArray(name).asList();
  }

  List<String> texts(String name) {
    return list(name).stream().map(JsonElement::getAsString).toList();
  }

  byte[] bytes() {
    return Base64.getDecoder().decode(text("bytes"));
  }

  /** The message that the JSON describes. */
  Message made() throws ReflectiveOperationException, InvalidProtocolBufferException {
    Message.Builder builder = empty().newBuilderForType();
    JsonFormat.parser().merge(json.get("json").toString(), builder);
    return builder.build();
  }

  /** The message that is written in the bytes. */
  Message read() throws ReflectiveOperationException, InvalidProtocolBufferException {
    return empty().getParserForType().parseFrom(bytes());
  }

  /** A message of the plan, read from its bytes. */
  <M extends Message> M message(String name, Class<M> type)
      throws ReflectiveOperationException, InvalidProtocolBufferException {
    return type.cast(part(name).read());
  }

  /** The streams of a case: of each its messages. */
  <M extends Message> List<List<M>> streams(Class<M> type)
      throws ReflectiveOperationException, InvalidProtocolBufferException {
    List<List<M>> streams = new ArrayList<>();
    for (JsonElement stream : list("streams")) {
      List<M> messages = new ArrayList<>();
      for (JsonElement message : stream.getAsJsonArray()) {
        messages.add(type.cast(new Case(message.getAsJsonObject()).read()));
      }
      streams.add(messages);
    }
    return streams;
  }

  private Message empty() throws ReflectiveOperationException {
    Class<?> type = Class.forName("dev." + text("type"));
    return (Message) type.getMethod("getDefaultInstance").invoke(null);
  }
}
