// Generated from proto/agenttrace/v1/limits.json by `make generate`.

/** The limits of the contract. */
export const LIMITS = {
  /** The size of one message. In bytes. */
  message_bytes: 4194304,
  /** Runs, steps and failures in one message. In items. */
  message_items: 1000,
  /** What one upload stream may carry before the server answers. In bytes. */
  stream_bytes: 8388608,
  /** Messages of one upload stream before the server answers. In messages. */
  stream_messages: 1000,
  /** The age of an upload stream at which the server answers. In seconds. */
  stream_seconds: 60,
  /** Rejections listed in one answer; all are counted. In rejections. */
  rejections: 100,
  /** Stored steps of one run. In steps. */
  steps_per_run: 10000,
  /** Attributes of one run or step. In attributes. */
  attributes: 32,
  /** Tags of one run. In tags. */
  tags: 32,
  /** Distinct failure codes kept with a run. In codes. */
  failure_codes_per_run: 8,
  /** The largest token count, result count and cost: 2^53 - 1. */
  count_max: 9007199254740991,
  /** The largest sequence: 2^31 - 1. */
  sequence_max: 2147483647,
  /** The largest attempt. In attempts. */
  attempt_max: 10000,
  /** The shortest lease. In seconds. */
  lease_seconds_min: 60,
  /** The longest lease, and the longest time to a first token. In seconds. */
  lease_seconds_max: 604800,
  /** The lease of a run that tells none. In seconds. */
  lease_seconds_default: 3600,
  /** How far ahead of the server's clock a time may be. In seconds. */
  future_seconds: 86400,
  /** Values of one list of a filter. In values. */
  filter_values: 100,
  /** Rows that one chunk of a listing reads at most. In rows. */
  scan_rows: 20000,
  /** The largest page_size of ListRuns. In runs. */
  page_size_runs: 200,
  /** The largest page_size of ListSteps, and the steps in GetRun. In steps. */
  page_size_steps: 1000,
  /** The largest page_size of ListFailures. In failures. */
  page_size_failures: 200,
  /** Failures in GetRun. In failures. */
  run_failures: 1000,
  /** Groups of GetStats. In groups. */
  stats_groups: 100,
  /** Failure rows of GetStats. In rows. */
  stats_failures: 1000,
  /** Time buckets of GetStats. In buckets. */
  stats_buckets: 1000,
  /** The longest range that GetStats reads from tables rather than rollups. In days. */
  stats_table_days: 7,
} as const;

/** The forms of strings; each matches a whole string. */
export const FORMS = {
  /** Every name and id that is no UUID. No space, so that no text passes as it is written. */
  token: /^(?:[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127})$/,
  /** A canonical UUID of any version. */
  uuid: /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/,
  /** A keyed hash that the client makes: never an id. */
  user_key: /^(?:[0-9a-f]{64})$/,
  /** The session_id and tool.call_id of registry mode: a UUID, hex digits, or an id that a provider gave a call. */
  opaque_id: /^(?:[0-9a-f-]{16,64}|(call|toolu|fc)_[A-Za-z0-9]{16,})$/,
  /** Keys of attributes, in the spelling of OpenTelemetry. */
  attribute_key: /^(?:[a-z][a-z0-9_.]{0,63})$/,
} as const;

const CONTENT_KEY_WORDS: ReadonlySet<string> = new Set([
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
  "utterance",
]);

const CONTENT_KEY_ALLOWED_LAST_PARTS: ReadonlySet<string> = new Set([
  "count",
  "format",
  "hash",
  "id",
  "model",
  "name",
  "size",
  "type",
  "version",
]);

/** Whether a string under this attribute key is refused, because the key names content. */
export function isContentKey(key: string): boolean {
  const parts = key.replaceAll("_", ".").split(".");
  const last = parts[parts.length - 1]!;
  return !CONTENT_KEY_ALLOWED_LAST_PARTS.has(last) && parts.some((part) => CONTENT_KEY_WORDS.has(part));
}
