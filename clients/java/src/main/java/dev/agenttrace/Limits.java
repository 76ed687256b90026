// Generated from proto/agenttrace/v1/limits.json by `make generate`.
package dev.agenttrace;

import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** The limits of the contract. */
public final class Limits {
  /** The size of one message. In bytes. */
  public static final long MESSAGE_BYTES = 4194304L;

  /** Runs, steps and failures in one message. In items. */
  public static final long MESSAGE_ITEMS = 1000L;

  /** What one upload stream may carry before the server answers. In bytes. */
  public static final long STREAM_BYTES = 8388608L;

  /** Messages of one upload stream before the server answers. In messages. */
  public static final long STREAM_MESSAGES = 1000L;

  /** The age of an upload stream at which the server answers. In seconds. */
  public static final long STREAM_SECONDS = 60L;

  /** Rejections listed in one answer; all are counted. In rejections. */
  public static final long REJECTIONS = 100L;

  /** Stored steps of one run. In steps. */
  public static final long STEPS_PER_RUN = 10000L;

  /** Attributes of one run or step. In attributes. */
  public static final long ATTRIBUTES = 32L;

  /** Tags of one run. In tags. */
  public static final long TAGS = 32L;

  /** Distinct failure codes kept with a run. In codes. */
  public static final long FAILURE_CODES_PER_RUN = 8L;

  /** The largest token count, result count and cost: 2^53 - 1. */
  public static final long COUNT_MAX = 9007199254740991L;

  /** The largest sequence: 2^31 - 1. */
  public static final long SEQUENCE_MAX = 2147483647L;

  /** The largest attempt. In attempts. */
  public static final long ATTEMPT_MAX = 10000L;

  /** The shortest lease. In seconds. */
  public static final long LEASE_SECONDS_MIN = 60L;

  /** The longest lease, and the longest time to a first token. In seconds. */
  public static final long LEASE_SECONDS_MAX = 604800L;

  /** The lease of a run that tells none. In seconds. */
  public static final long LEASE_SECONDS_DEFAULT = 3600L;

  /** How far ahead of the server's clock a time may be. In seconds. */
  public static final long FUTURE_SECONDS = 86400L;

  /** Values of one list of a filter. In values. */
  public static final long FILTER_VALUES = 100L;

  /** Rows that one chunk of a listing reads at most. In rows. */
  public static final long SCAN_ROWS = 20000L;

  /** The largest page_size of ListRuns. In runs. */
  public static final long PAGE_SIZE_RUNS = 200L;

  /** The largest page_size of ListSteps, and the steps in GetRun. In steps. */
  public static final long PAGE_SIZE_STEPS = 1000L;

  /** The largest page_size of ListFailures. In failures. */
  public static final long PAGE_SIZE_FAILURES = 200L;

  /** Failures in GetRun. In failures. */
  public static final long RUN_FAILURES = 1000L;

  /** Groups of GetStats. In groups. */
  public static final long STATS_GROUPS = 100L;

  /** Failure rows of GetStats. In rows. */
  public static final long STATS_FAILURES = 1000L;

  /** Time buckets of GetStats. In buckets. */
  public static final long STATS_BUCKETS = 1000L;

  /** The longest range that GetStats reads from tables rather than rollups. In days. */
  public static final long STATS_TABLE_DAYS = 7L;

  /** Every name and id that is no UUID. No space, so that no text passes as it is written. */
  public static final Pattern TOKEN =
      Pattern.compile("[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}");

  /** A canonical UUID of any version. */
  public static final Pattern UUID =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

  /** A keyed hash that the client makes: never an id. */
  public static final Pattern USER_KEY =
      Pattern.compile("[0-9a-f]{64}");

  /** The session_id and tool.call_id of registry mode: a UUID, hex digits, or an id that a provider gave a call. */
  public static final Pattern OPAQUE_ID =
      Pattern.compile("[0-9a-f-]{16,64}|(call|toolu|fc)_[A-Za-z0-9]{16,}");

  /** Keys of attributes, in the spelling of OpenTelemetry. */
  public static final Pattern ATTRIBUTE_KEY =
      Pattern.compile("[a-z][a-z0-9_.]{0,63}");

  /** Every limit by its name in limits.json. */
  public static final Map<String, Long> ALL =
      Map.ofEntries(
          Map.entry("message_bytes", MESSAGE_BYTES),
          Map.entry("message_items", MESSAGE_ITEMS),
          Map.entry("stream_bytes", STREAM_BYTES),
          Map.entry("stream_messages", STREAM_MESSAGES),
          Map.entry("stream_seconds", STREAM_SECONDS),
          Map.entry("rejections", REJECTIONS),
          Map.entry("steps_per_run", STEPS_PER_RUN),
          Map.entry("attributes", ATTRIBUTES),
          Map.entry("tags", TAGS),
          Map.entry("failure_codes_per_run", FAILURE_CODES_PER_RUN),
          Map.entry("count_max", COUNT_MAX),
          Map.entry("sequence_max", SEQUENCE_MAX),
          Map.entry("attempt_max", ATTEMPT_MAX),
          Map.entry("lease_seconds_min", LEASE_SECONDS_MIN),
          Map.entry("lease_seconds_max", LEASE_SECONDS_MAX),
          Map.entry("lease_seconds_default", LEASE_SECONDS_DEFAULT),
          Map.entry("future_seconds", FUTURE_SECONDS),
          Map.entry("filter_values", FILTER_VALUES),
          Map.entry("scan_rows", SCAN_ROWS),
          Map.entry("page_size_runs", PAGE_SIZE_RUNS),
          Map.entry("page_size_steps", PAGE_SIZE_STEPS),
          Map.entry("page_size_failures", PAGE_SIZE_FAILURES),
          Map.entry("run_failures", RUN_FAILURES),
          Map.entry("stats_groups", STATS_GROUPS),
          Map.entry("stats_failures", STATS_FAILURES),
          Map.entry("stats_buckets", STATS_BUCKETS),
          Map.entry("stats_table_days", STATS_TABLE_DAYS));

  /** Every form by its name in limits.json; use {@code matcher(text).matches()}. */
  public static final Map<String, Pattern> FORMS =
      Map.ofEntries(
          Map.entry("token", TOKEN),
          Map.entry("uuid", UUID),
          Map.entry("user_key", USER_KEY),
          Map.entry("opaque_id", OPAQUE_ID),
          Map.entry("attribute_key", ATTRIBUTE_KEY));

  private static final Set<String> CONTENT_KEY_WORDS =
      Set.of(
          "answer",
          "answers",
          "args",
          "argument",
          "arguments",
          "body",
          "chunk",
          "chunks",
          "completion",
          "completions",
          "content",
          "contents",
          "context",
          "credential",
          "credentials",
          "description",
          "document",
          "documents",
          "email",
          "input",
          "inputs",
          "instruction",
          "instructions",
          "kwargs",
          "message",
          "messages",
          "note",
          "notes",
          "output",
          "outputs",
          "passage",
          "passages",
          "password",
          "payload",
          "payloads",
          "phone",
          "prompt",
          "prompts",
          "queries",
          "query",
          "question",
          "questions",
          "reasoning",
          "replies",
          "reply",
          "response",
          "responses",
          "result",
          "results",
          "secret",
          "secrets",
          "snippet",
          "snippets",
          "sql",
          "stacktrace",
          "summary",
          "text",
          "texts",
          "thinking",
          "thought",
          "thoughts",
          "traceback",
          "transcript",
          "utterance");

  private static final Set<String> CONTENT_KEY_ALLOWED_LAST_PARTS =
      Set.of(
          "count",
          "format",
          "hash",
          "id",
          "model",
          "name",
          "size",
          "type",
          "version");

  private Limits() {}

  /** Whether a string under this attribute key is refused, because the key names content. */
  public static boolean isContentKey(String key) {
    String[] parts = key.replace('_', '.').split("\\.", -1);
    if (CONTENT_KEY_ALLOWED_LAST_PARTS.contains(parts[parts.length - 1])) {
      return false;
    }
    for (String part : parts) {
      if (CONTENT_KEY_WORDS.contains(part)) {
        return true;
      }
    }
    return false;
  }
}
