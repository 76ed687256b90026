//! The limits of the contract. Generated from proto/agenttrace/v1/limits.json by `make generate`.

/// The size of one message. In bytes.
pub const MESSAGE_BYTES: i64 = 4194304;
/// Runs, steps and failures in one message. In items.
pub const MESSAGE_ITEMS: i64 = 1000;
/// What one upload stream may carry before the server answers. In bytes.
pub const STREAM_BYTES: i64 = 8388608;
/// Messages of one upload stream before the server answers. In messages.
pub const STREAM_MESSAGES: i64 = 1000;
/// The age of an upload stream at which the server answers. In seconds.
pub const STREAM_SECONDS: i64 = 60;
/// Rejections listed in one answer; all are counted. In rejections.
pub const REJECTIONS: i64 = 100;
/// Stored steps of one run. In steps.
pub const STEPS_PER_RUN: i64 = 10000;
/// Attributes of one run or step. In attributes.
pub const ATTRIBUTES: i64 = 32;
/// Tags of one run. In tags.
pub const TAGS: i64 = 32;
/// Distinct failure codes kept with a run. In codes.
pub const FAILURE_CODES_PER_RUN: i64 = 8;
/// The largest token count, result count and cost: 2^53 - 1.
pub const COUNT_MAX: i64 = 9007199254740991;
/// The largest sequence: 2^31 - 1.
pub const SEQUENCE_MAX: i64 = 2147483647;
/// The largest attempt. In attempts.
pub const ATTEMPT_MAX: i64 = 10000;
/// The shortest lease. In seconds.
pub const LEASE_SECONDS_MIN: i64 = 60;
/// The longest lease, and the longest time to a first token. In seconds.
pub const LEASE_SECONDS_MAX: i64 = 604800;
/// The lease of a run that tells none. In seconds.
pub const LEASE_SECONDS_DEFAULT: i64 = 3600;
/// How far ahead of the server's clock a time may be. In seconds.
pub const FUTURE_SECONDS: i64 = 86400;
/// Values of one list of a filter. In values.
pub const FILTER_VALUES: i64 = 100;
/// Rows that one chunk of a listing reads at most. In rows.
pub const SCAN_ROWS: i64 = 20000;
/// The largest page_size of ListRuns. In runs.
pub const PAGE_SIZE_RUNS: i64 = 200;
/// The largest page_size of ListSteps, and the steps in GetRun. In steps.
pub const PAGE_SIZE_STEPS: i64 = 1000;
/// The largest page_size of ListFailures. In failures.
pub const PAGE_SIZE_FAILURES: i64 = 200;
/// Failures in GetRun. In failures.
pub const RUN_FAILURES: i64 = 1000;
/// Groups of GetStats. In groups.
pub const STATS_GROUPS: i64 = 100;
/// Failure rows of GetStats. In rows.
pub const STATS_FAILURES: i64 = 1000;
/// Time buckets of GetStats. In buckets.
pub const STATS_BUCKETS: i64 = 1000;
/// The longest range that GetStats reads from tables rather than rollups. In days.
pub const STATS_TABLE_DAYS: i64 = 7;

/// Every limit by its name in limits.json.
pub const ALL: &[(&str, i64)] = &[
    ("message_bytes", MESSAGE_BYTES),
    ("message_items", MESSAGE_ITEMS),
    ("stream_bytes", STREAM_BYTES),
    ("stream_messages", STREAM_MESSAGES),
    ("stream_seconds", STREAM_SECONDS),
    ("rejections", REJECTIONS),
    ("steps_per_run", STEPS_PER_RUN),
    ("attributes", ATTRIBUTES),
    ("tags", TAGS),
    ("failure_codes_per_run", FAILURE_CODES_PER_RUN),
    ("count_max", COUNT_MAX),
    ("sequence_max", SEQUENCE_MAX),
    ("attempt_max", ATTEMPT_MAX),
    ("lease_seconds_min", LEASE_SECONDS_MIN),
    ("lease_seconds_max", LEASE_SECONDS_MAX),
    ("lease_seconds_default", LEASE_SECONDS_DEFAULT),
    ("future_seconds", FUTURE_SECONDS),
    ("filter_values", FILTER_VALUES),
    ("scan_rows", SCAN_ROWS),
    ("page_size_runs", PAGE_SIZE_RUNS),
    ("page_size_steps", PAGE_SIZE_STEPS),
    ("page_size_failures", PAGE_SIZE_FAILURES),
    ("run_failures", RUN_FAILURES),
    ("stats_groups", STATS_GROUPS),
    ("stats_failures", STATS_FAILURES),
    ("stats_buckets", STATS_BUCKETS),
    ("stats_table_days", STATS_TABLE_DAYS),
];

/// The forms of strings by their names in limits.json; each matches a whole string.
#[rustfmt::skip]
pub const FORMS: &[(&str, &str)] = &[
    ("token", r"\A(?:[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127})\z"),
    ("uuid", r"\A(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\z"),
    ("user_key", r"\A(?:[0-9a-f]{64})\z"),
    ("opaque_id", r"\A(?:[0-9a-f-]{16,64}|(call|toolu|fc)_[A-Za-z0-9]{16,})\z"),
    ("attribute_key", r"\A(?:[a-z][a-z0-9_.]{0,63})\z"),
];

#[rustfmt::skip]
const CONTENT_KEY_WORDS: &[&str] = &[
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
];

#[rustfmt::skip]
const CONTENT_KEY_ALLOWED_LAST_PARTS: &[&str] = &[
    "count",
    "format",
    "hash",
    "id",
    "model",
    "name",
    "size",
    "type",
    "version",
];

/// Whether a string under this attribute key is refused, because the key names content.
pub fn is_content_key(key: &str) -> bool {
    let last = key.rsplit(['.', '_']).next().unwrap_or_default();
    !CONTENT_KEY_ALLOWED_LAST_PARTS.contains(&last)
        && key
            .split(['.', '_'])
            .any(|part| CONTENT_KEY_WORDS.contains(&part))
}
