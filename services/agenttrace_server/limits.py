"""The limits of the contract. Generated from proto/agenttrace/v1/limits.json by `make generate`."""

import re
from typing import Final

# Every name and id that is no UUID. No space, so that no text passes as it is written.
TOKEN: Final = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._:/@+|-]{0,127}", re.ASCII)
# A canonical UUID of any version.
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
# A keyed hash that the client makes: never an id.
USER_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
# The session_id and tool.call_id of registry mode: a UUID, hex digits, or an id that a provider gave a call.
OPAQUE_ID: Final = re.compile(r"[0-9a-f-]{16,64}|(call|toolu|fc)_[A-Za-z0-9]{16,}", re.ASCII)
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
        "model",
        "name",
        "size",
        "type",
        "version",
    }
)
# What is secret or personal by its shape: name, regular expression, and what else must be so of a find.
SCANNERS: Final = (
    (
        "openai_key",
        r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|(?:or-v1-)?[A-Za-z0-9]{32,})",
        "",
    ),
    (
        "anthropic_key",
        r"sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{40,}",
        "",
    ),
    (
        "aws_key_id",
        r"A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9])",
        "",
    ),
    (
        "github_key",
        r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
        "",
    ),
    (
        "gitlab_key",
        r"glpat-[A-Za-z0-9_-]{20,}",
        "",
    ),
    (
        "slack_key",
        (
            r"(?:xox[abeoprs]-(?:[0-9]+-)+[A-Za-z0-9]{10,}|xox[abeoprs]-[A-Za-z0-9]{20,}|xapp-[0-9]-[A-Z"
            r"0-9]+-[0-9]+-[a-z0-9]{20,})"
        ),
        "",
    ),
    (
        "google_key",
        r"(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{28})",
        "",
    ),
    (
        "stripe_key",
        r"(?:[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{24,})",
        "",
    ),
    (
        "hugging_face_key",
        r"hf_[A-Za-z0-9]{30,}",
        "",
    ),
    (
        "agenttrace_key",
        r"at_[A-Za-z0-9]{1,40}_[A-Za-z0-9]{43}",
        "",
    ),
    (
        "other_key",
        (
            r"(?:(?:gsk_|xai-|pplx-|r8_|npm_)[A-Za-z0-9]{36,}|pypi-[A-Za-z0-9_-]{60,}|SG\.[\w-]{22}\.[\w-]{4"
            r"3}|(?:lsv2_(?:pt|sk)|do[opr]_v1)_[0-9a-f]{32,})"
        ),
        "",
    ),
    (
        "jwt",
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
        "",
    ),
    (
        "pem",
        (
            r"(?:-{4}(?:BEGIN|END)|(?:MII[A-Za-z0-9+/]{2}|MI[GC][A-Za-z0-9+/]{3}|MC4CAQ)[A-Za-z0-9+/]{40"
            r",}|b3BlbnNzaC1rZXktdjE[A-Za-z0-9+/]{10,})"
        ),
        "",
    ),
    (
        "email",
        (
            r"[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]+\.)*(?!v?[0-9]{1,2}\.)[A-Za-z0-9-]+\.[A-Za-z]{2,24}(?!["
            r"A-Za-z0-9])"
        ),
        "",
    ),
    (
        "url_password",
        r"[A-Za-z][A-Za-z0-9+.]*://[^/@]*:[^/@]+@",
        "",
    ),
    (
        "card_number",
        (
            r"(?<!_)(?:(?:4[0-9]{3}|5[1-5][0-9]{2}|2(?:2[2-9]|[3-6][0-9]|7[01])[0-9]|2720|6(?:011|5[0-9]"
            r"{2}|4[4-9][0-9]|2[0-9]{2})|35[2-8][0-9])(?:[-.:/|+]?[0-9]{4}){3}|3[47][0-9]{2}[-.:/|+]?[0-"
            r"9]{6}[-.:/|+]?[0-9]{5}|3(?:0[0-5]|[689][0-9])[0-9][-.:/|+]?[0-9]{6}[-.:/|+]?[0-9]{4})(?!\w)"
        ),
        "luhn",
    ),
    (
        "iban",
        (
            r"(?<!_)[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[-.:/|+][A-Z0-9]{4}){2,7}(?:[-.:/|+][A-Z0-9]{1"
            r",4})?)(?!\w)"
        ),
        "iban",
    ),
)
# What a find begins with; those of the other scanners hold an @ behind their first character.
SCANNER_STARTS: Final = (
    r"sk-",
    r"A[KS]IA",
    r"gh[pousr]_|github_pat_",
    r"glpat-",
    r"xox|xapp-",
    r"AIza|ya29|GOCSPX-",
    r"[srp]k_|whsec_",
    r"hf_",
    r"at_",
    r"gsk_|xai-|pplx-|r8_|npm_|pypi-|SG\.|lsv2_|do[opr]_v1_",
    r"eyJ",
    r"MI[IGC]|MC4CAQ|b3BlbnNz|-{4}",
    r"[2-6][0-9]{3}[-.:/|+]?[0-9]{4}",
    r"[A-Z]{2}[0-9]{2}[-.:/|+]?[A-Z0-9]{4}",
)
# The lengths of account numbers by country.
IBAN_LENGTHS: Final = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NL": 18,
    "NO": 15,
    "OM": 23,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SC": 31,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
}
# What looks random: a run of characters, and how many bits each of them tells at least.
RANDOM_RUN: Final = r"[A-Za-z0-9+]{24,}"
RANDOM_BITS_PER_CHARACTER: Final = 4.0
RANDOM_ALLOWED_LAST_PARTS: Final = frozenset(
    {
        "digest",
        "hash",
        "id",
        "sha",
        "version",
    }
)


def is_content_key(key: str) -> bool:
    """Whether a string under this attribute key is refused, because the key names content."""
    parts = key.replace("_", ".").split(".")
    return parts[-1] not in CONTENT_KEY_ALLOWED_LAST_PARTS and not CONTENT_KEY_WORDS.isdisjoint(parts)
