from agenttrace.v1 import failure_pb2 as _failure_pb2
from agenttrace.v1 import run_pb2 as _run_pb2
from agenttrace.v1 import step_pb2 as _step_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatsDimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATS_DIMENSION_UNSPECIFIED: _ClassVar[StatsDimension]
    STATS_DIMENSION_AGENT: _ClassVar[StatsDimension]
    STATS_DIMENSION_AGENT_VERSION: _ClassVar[StatsDimension]
    STATS_DIMENSION_ENVIRONMENT: _ClassVar[StatsDimension]
    STATS_DIMENSION_STEP_TYPE: _ClassVar[StatsDimension]
    STATS_DIMENSION_MODEL: _ClassVar[StatsDimension]
    STATS_DIMENSION_TOOL: _ClassVar[StatsDimension]

class WatchCloseReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_CLOSE_REASON_UNSPECIFIED: _ClassVar[WatchCloseReason]
    WATCH_CLOSE_REASON_SLOW_READER: _ClassVar[WatchCloseReason]
    WATCH_CLOSE_REASON_DRAINING: _ClassVar[WatchCloseReason]
STATS_DIMENSION_UNSPECIFIED: StatsDimension
STATS_DIMENSION_AGENT: StatsDimension
STATS_DIMENSION_AGENT_VERSION: StatsDimension
STATS_DIMENSION_ENVIRONMENT: StatsDimension
STATS_DIMENSION_STEP_TYPE: StatsDimension
STATS_DIMENSION_MODEL: StatsDimension
STATS_DIMENSION_TOOL: StatsDimension
WATCH_CLOSE_REASON_UNSPECIFIED: WatchCloseReason
WATCH_CLOSE_REASON_SLOW_READER: WatchCloseReason
WATCH_CLOSE_REASON_DRAINING: WatchCloseReason

class TimeRange(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RunFilter(_message.Message):
    __slots__ = ("agent_ids", "agent_versions", "environments", "statuses", "start_time_range", "failure_types", "failure_codes", "min_duration", "max_duration", "session_id", "tags", "attributes", "has_retries", "incomplete", "user_key", "parent_run_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _run_pb2.AttributeValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_run_pb2.AttributeValue, _Mapping]] = ...) -> None: ...
    AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_TYPES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_CODES_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    HAS_RETRIES_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    USER_KEY_FIELD_NUMBER: _ClassVar[int]
    PARENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    agent_ids: _containers.RepeatedScalarFieldContainer[str]
    agent_versions: _containers.RepeatedScalarFieldContainer[str]
    environments: _containers.RepeatedScalarFieldContainer[str]
    statuses: _containers.RepeatedScalarFieldContainer[_run_pb2.RunStatus]
    start_time_range: TimeRange
    failure_types: _containers.RepeatedScalarFieldContainer[_failure_pb2.FailureType]
    failure_codes: _containers.RepeatedScalarFieldContainer[str]
    min_duration: _duration_pb2.Duration
    max_duration: _duration_pb2.Duration
    session_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.MessageMap[str, _run_pb2.AttributeValue]
    has_retries: bool
    incomplete: bool
    user_key: str
    parent_run_id: str
    def __init__(self, agent_ids: _Optional[_Iterable[str]] = ..., agent_versions: _Optional[_Iterable[str]] = ..., environments: _Optional[_Iterable[str]] = ..., statuses: _Optional[_Iterable[_Union[_run_pb2.RunStatus, str]]] = ..., start_time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., failure_types: _Optional[_Iterable[_Union[_failure_pb2.FailureType, str]]] = ..., failure_codes: _Optional[_Iterable[str]] = ..., min_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., session_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, _run_pb2.AttributeValue]] = ..., has_retries: bool = ..., incomplete: bool = ..., user_key: _Optional[str] = ..., parent_run_id: _Optional[str] = ...) -> None: ...

class RunCompleteness(_message.Message):
    __slots__ = ("complete", "expected_step_count", "missing_step_count", "missing_step_ids")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    expected_step_count: int
    missing_step_count: int
    missing_step_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, complete: bool = ..., expected_step_count: _Optional[int] = ..., missing_step_count: _Optional[int] = ..., missing_step_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run", "failures", "completeness", "steps", "next_page_token")
    RUN_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.RunSummary
    failures: _containers.RepeatedCompositeFieldContainer[_failure_pb2.FailureDetail]
    completeness: RunCompleteness
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    next_page_token: str
    def __init__(self, run: _Optional[_Union[_run_pb2.RunSummary, _Mapping]] = ..., failures: _Optional[_Iterable[_Union[_failure_pb2.FailureDetail, _Mapping]]] = ..., completeness: _Optional[_Union[RunCompleteness, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "limit", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: RunFilter
    page_size: int
    limit: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[RunFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.RunSummary]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.RunSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StepFilter(_message.Message):
    __slots__ = ("types", "statuses", "names", "models", "tools", "min_duration", "is_retry")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_FIELD_NUMBER: _ClassVar[int]
    IS_RETRY_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[_step_pb2.StepType]
    statuses: _containers.RepeatedScalarFieldContainer[_step_pb2.StepStatus]
    names: _containers.RepeatedScalarFieldContainer[str]
    models: _containers.RepeatedScalarFieldContainer[str]
    tools: _containers.RepeatedScalarFieldContainer[str]
    min_duration: _duration_pb2.Duration
    is_retry: bool
    def __init__(self, types: _Optional[_Iterable[_Union[_step_pb2.StepType, str]]] = ..., statuses: _Optional[_Iterable[_Union[_step_pb2.StepStatus, str]]] = ..., names: _Optional[_Iterable[str]] = ..., models: _Optional[_Iterable[str]] = ..., tools: _Optional[_Iterable[str]] = ..., min_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., is_retry: bool = ...) -> None: ...

class ListStepsRequest(_message.Message):
    __slots__ = ("run_id", "filter", "run_filter", "page_size", "limit", "page_token")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RUN_FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    filter: StepFilter
    run_filter: RunFilter
    page_size: int
    limit: int
    page_token: str
    def __init__(self, run_id: _Optional[str] = ..., filter: _Optional[_Union[StepFilter, _Mapping]] = ..., run_filter: _Optional[_Union[RunFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStepsResponse(_message.Message):
    __slots__ = ("steps", "next_page_token")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    next_page_token: str
    def __init__(self, steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FailureFilter(_message.Message):
    __slots__ = ("types", "codes", "occur_time_range", "agent_ids", "agent_versions", "environments", "recovered")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[_failure_pb2.FailureType]
    codes: _containers.RepeatedScalarFieldContainer[str]
    occur_time_range: TimeRange
    agent_ids: _containers.RepeatedScalarFieldContainer[str]
    agent_versions: _containers.RepeatedScalarFieldContainer[str]
    environments: _containers.RepeatedScalarFieldContainer[str]
    recovered: bool
    def __init__(self, types: _Optional[_Iterable[_Union[_failure_pb2.FailureType, str]]] = ..., codes: _Optional[_Iterable[str]] = ..., occur_time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., agent_ids: _Optional[_Iterable[str]] = ..., agent_versions: _Optional[_Iterable[str]] = ..., environments: _Optional[_Iterable[str]] = ..., recovered: bool = ...) -> None: ...

class ListFailuresRequest(_message.Message):
    __slots__ = ("run_id", "filter", "page_size", "limit", "page_token")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    filter: FailureFilter
    page_size: int
    limit: int
    page_token: str
    def __init__(self, run_id: _Optional[str] = ..., filter: _Optional[_Union[FailureFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFailuresResponse(_message.Message):
    __slots__ = ("failures", "next_page_token")
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    failures: _containers.RepeatedCompositeFieldContainer[_failure_pb2.FailureDetail]
    next_page_token: str
    def __init__(self, failures: _Optional[_Iterable[_Union[_failure_pb2.FailureDetail, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = ("filter", "group_by", "bucket_duration")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    BUCKET_DURATION_FIELD_NUMBER: _ClassVar[int]
    filter: RunFilter
    group_by: StatsDimension
    bucket_duration: _duration_pb2.Duration
    def __init__(self, filter: _Optional[_Union[RunFilter, _Mapping]] = ..., group_by: _Optional[_Union[StatsDimension, str]] = ..., bucket_duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Percentiles(_message.Message):
    __slots__ = ("count", "p50", "p90", "p95", "p99")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    count: int
    p50: _duration_pb2.Duration
    p90: _duration_pb2.Duration
    p95: _duration_pb2.Duration
    p99: _duration_pb2.Duration
    def __init__(self, count: _Optional[int] = ..., p50: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p90: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., p99: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Stats(_message.Message):
    __slots__ = ("run_count", "running_count", "success_count", "failure_count", "partial_count", "cancelled_count", "abandoned_count", "success_rate", "failure_rate", "run_duration", "step_count", "failed_step_count", "retry_count", "recovered_failure_count", "step_duration", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_micro_usd")
    RUN_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_RATE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_RATE_FIELD_NUMBER: _ClassVar[int]
    RUN_DURATION_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEP_DURATION_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    run_count: int
    running_count: int
    success_count: int
    failure_count: int
    partial_count: int
    cancelled_count: int
    abandoned_count: int
    success_rate: float
    failure_rate: float
    run_duration: Percentiles
    step_count: int
    failed_step_count: int
    retry_count: int
    recovered_failure_count: int
    step_duration: Percentiles
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int
    def __init__(self, run_count: _Optional[int] = ..., running_count: _Optional[int] = ..., success_count: _Optional[int] = ..., failure_count: _Optional[int] = ..., partial_count: _Optional[int] = ..., cancelled_count: _Optional[int] = ..., abandoned_count: _Optional[int] = ..., success_rate: _Optional[float] = ..., failure_rate: _Optional[float] = ..., run_duration: _Optional[_Union[Percentiles, _Mapping]] = ..., step_count: _Optional[int] = ..., failed_step_count: _Optional[int] = ..., retry_count: _Optional[int] = ..., recovered_failure_count: _Optional[int] = ..., step_duration: _Optional[_Union[Percentiles, _Mapping]] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cache_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., cost_micro_usd: _Optional[int] = ...) -> None: ...

class StatsGroup(_message.Message):
    __slots__ = ("key", "agent_version", "bucket_start_time", "stats")
    KEY_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUCKET_START_TIME_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    key: str
    agent_version: str
    bucket_start_time: _timestamp_pb2.Timestamp
    stats: Stats
    def __init__(self, key: _Optional[str] = ..., agent_version: _Optional[str] = ..., bucket_start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stats: _Optional[_Union[Stats, _Mapping]] = ...) -> None: ...

class StepTypeStats(_message.Message):
    __slots__ = ("type", "step_count", "failed_step_count", "retry_count", "duration")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    type: _step_pb2.StepType
    step_count: int
    failed_step_count: int
    retry_count: int
    duration: Percentiles
    def __init__(self, type: _Optional[_Union[_step_pb2.StepType, str]] = ..., step_count: _Optional[int] = ..., failed_step_count: _Optional[int] = ..., retry_count: _Optional[int] = ..., duration: _Optional[_Union[Percentiles, _Mapping]] = ...) -> None: ...

class FailureStats(_message.Message):
    __slots__ = ("type", "code", "agent_id", "agent_version", "failure_count", "recovered_failure_count", "run_count", "first_occur_time", "last_occur_time")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUN_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    type: _failure_pb2.FailureType
    code: str
    agent_id: str
    agent_version: str
    failure_count: int
    recovered_failure_count: int
    run_count: int
    first_occur_time: _timestamp_pb2.Timestamp
    last_occur_time: _timestamp_pb2.Timestamp
    def __init__(self, type: _Optional[_Union[_failure_pb2.FailureType, str]] = ..., code: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_version: _Optional[str] = ..., failure_count: _Optional[int] = ..., recovered_failure_count: _Optional[int] = ..., run_count: _Optional[int] = ..., first_occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetStatsResponse(_message.Message):
    __slots__ = ("totals", "groups", "step_types", "failures", "approximate", "start_time_range")
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STEP_TYPES_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    totals: Stats
    groups: _containers.RepeatedCompositeFieldContainer[StatsGroup]
    step_types: _containers.RepeatedCompositeFieldContainer[StepTypeStats]
    failures: _containers.RepeatedCompositeFieldContainer[FailureStats]
    approximate: bool
    start_time_range: TimeRange
    def __init__(self, totals: _Optional[_Union[Stats, _Mapping]] = ..., groups: _Optional[_Iterable[_Union[StatsGroup, _Mapping]]] = ..., step_types: _Optional[_Iterable[_Union[StepTypeStats, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[FailureStats, _Mapping]]] = ..., approximate: bool = ..., start_time_range: _Optional[_Union[TimeRange, _Mapping]] = ...) -> None: ...

class WatchRunsRequest(_message.Message):
    __slots__ = ("filter", "resume_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: RunFilter
    resume_token: str
    def __init__(self, filter: _Optional[_Union[RunFilter, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchRunsResponse(_message.Message):
    __slots__ = ("runs", "resume_token", "close_reason")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLOSE_REASON_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.RunSummary]
    resume_token: str
    close_reason: WatchCloseReason
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.RunSummary, _Mapping]]] = ..., resume_token: _Optional[str] = ..., close_reason: _Optional[_Union[WatchCloseReason, str]] = ...) -> None: ...

class ListFailureCodesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFailureCodesResponse(_message.Message):
    __slots__ = ("failure_codes",)
    FAILURE_CODES_FIELD_NUMBER: _ClassVar[int]
    failure_codes: _containers.RepeatedCompositeFieldContainer[_failure_pb2.FailureCode]
    def __init__(self, failure_codes: _Optional[_Iterable[_Union[_failure_pb2.FailureCode, _Mapping]]] = ...) -> None: ...
