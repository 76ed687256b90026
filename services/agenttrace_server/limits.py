"""The limits of the contract. Generated from proto/agenttrace/v1/limits.json by `make generate`."""

import re
from typing import Final

# Every name and id that is no UUID. No space, so that no text passes as it is written.
TOKEN: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}", re.ASCII)
# A canonical UUID of any version.
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
# A keyed hash that the client makes: never an id.
USER_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Keys of attributes, in the spelling of OpenTelemetry.
ATTRIBUTE_KEY: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
# The size of one message. In bytes.
MESSAGE_BYTES: Final = 4194304
# Runs, steps and failures in one message. In items.
MESSAGE_ITEMS: Final = 1000
# What one upload stream may carry before the server answers. In bytes.
STREAM_BYTES: Final = 8388608
# Messages of one upload stream before the server answers. In messages.
STREAM_MESSAGES: Final = 1000
# The age of an upload stream at which the server answers. In seconds.
STREAM_SECONDS: Final = 60
# Rejections listed in one answer; all are counted. In rejections.
REJECTIONS: Final = 100
# Stored steps of one run. In steps.
STEPS_PER_RUN: Final = 10000
# Attributes of one run or step. In attributes.
ATTRIBUTES: Final = 32
# Tags of one run. In tags.
TAGS: Final = 32
# Distinct failure codes kept with a run. In codes.
FAILURE_CODES_PER_RUN: Final = 8
# The largest token count, result count and cost: 2^53 - 1.
COUNT_MAX: Final = 9007199254740991
# The largest sequence: 2^31 - 1.
SEQUENCE_MAX: Final = 2147483647
# The largest attempt. In attempts.
ATTEMPT_MAX: Final = 10000
# The shortest lease. In seconds.
LEASE_SECONDS_MIN: Final = 60
# The longest lease, and the longest time to a first token. In seconds.
LEASE_SECONDS_MAX: Final = 604800
# The lease of a run that tells none. In seconds.
LEASE_SECONDS_DEFAULT: Final = 3600
# How far ahead of the server's clock a time may be. In seconds.
FUTURE_SECONDS: Final = 86400
# Values of one list of a filter. In values.
FILTER_VALUES: Final = 100
# Rows that one chunk of a listing reads at most. In rows.
SCAN_ROWS: Final = 20000
# The largest page_size of ListRuns. In runs.
PAGE_SIZE_RUNS: Final = 200
# The largest page_size of ListSteps, and the steps in GetRun. In steps.
PAGE_SIZE_STEPS: Final = 1000
# The largest page_size of ListFailures. In failures.
PAGE_SIZE_FAILURES: Final = 200
# Failures in GetRun. In failures.
RUN_FAILURES: Final = 1000
# Groups of GetStats. In groups.
STATS_GROUPS: Final = 100
# Failure rows of GetStats. In rows.
STATS_FAILURES: Final = 1000
# Time buckets of GetStats. In buckets.
STATS_BUCKETS: Final = 1000
# The longest range that GetStats reads from tables rather than rollups. In days.
STATS_TABLE_DAYS: Final = 7
# A string under a key one of whose parts (split at . and _) is a content word is refused,
# unless the key's last part says that it names or counts the content.
# Numbers and booleans pass under any key.
CONTENT_KEY_WORDS: Final = frozenset(
    {
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
    }
)
CONTENT_KEY_ALLOWED_LAST_PARTS: Final = frozenset(
    {
        "count",
        "format",
        "hash",
        "id",
        "name",
        "size",
        "type",
        "version",
    }
)


def is_content_key(key: str) -> bool:
    """Whether a string under this attribute key is refused, because the key names content."""
    parts = key.replace("_", ".").split(".")
    return parts[-1] not in CONTENT_KEY_ALLOWED_LAST_PARTS and not CONTENT_KEY_WORDS.isdisjoint(parts)
