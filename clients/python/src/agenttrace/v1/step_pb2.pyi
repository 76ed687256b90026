from agenttrace.v1 import run_pb2 as _run_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StepType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_TYPE_UNSPECIFIED: _ClassVar[StepType]
    STEP_TYPE_PLAN: _ClassVar[StepType]
    STEP_TYPE_RETRIEVE: _ClassVar[StepType]
    STEP_TYPE_TOOL: _ClassVar[StepType]
    STEP_TYPE_MODEL: _ClassVar[StepType]
    STEP_TYPE_RESPOND: _ClassVar[StepType]
    STEP_TYPE_HANDOFF: _ClassVar[StepType]
    STEP_TYPE_GUARDRAIL: _ClassVar[StepType]
    STEP_TYPE_OTHER: _ClassVar[StepType]

class StepStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATUS_UNSPECIFIED: _ClassVar[StepStatus]
    STEP_STATUS_OK: _ClassVar[StepStatus]
    STEP_STATUS_ERROR: _ClassVar[StepStatus]

class InputTokenSemantics(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INPUT_TOKEN_SEMANTICS_UNSPECIFIED: _ClassVar[InputTokenSemantics]
    INPUT_TOKEN_SEMANTICS_INCLUDES_CACHED: _ClassVar[InputTokenSemantics]
    INPUT_TOKEN_SEMANTICS_EXCLUDES_CACHED: _ClassVar[InputTokenSemantics]
STEP_TYPE_UNSPECIFIED: StepType
STEP_TYPE_PLAN: StepType
STEP_TYPE_RETRIEVE: StepType
STEP_TYPE_TOOL: StepType
STEP_TYPE_MODEL: StepType
STEP_TYPE_RESPOND: StepType
STEP_TYPE_HANDOFF: StepType
STEP_TYPE_GUARDRAIL: StepType
STEP_TYPE_OTHER: StepType
STEP_STATUS_UNSPECIFIED: StepStatus
STEP_STATUS_OK: StepStatus
STEP_STATUS_ERROR: StepStatus
INPUT_TOKEN_SEMANTICS_UNSPECIFIED: InputTokenSemantics
INPUT_TOKEN_SEMANTICS_INCLUDES_CACHED: InputTokenSemantics
INPUT_TOKEN_SEMANTICS_EXCLUDES_CACHED: InputTokenSemantics

class Usage(_message.Message):
    __slots__ = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_token_semantics")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKEN_SEMANTICS_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    input_token_semantics: InputTokenSemantics
    def __init__(self, input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cache_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., input_token_semantics: _Optional[_Union[InputTokenSemantics, str]] = ...) -> None: ...

class ModelCall(_message.Message):
    __slots__ = ("provider", "request_model", "response_model", "usage", "finish_reason", "time_to_first_token", "cost_micro_usd")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_MODEL_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_MODEL_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COST_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    provider: str
    request_model: str
    response_model: str
    usage: Usage
    finish_reason: str
    time_to_first_token: _duration_pb2.Duration
    cost_micro_usd: int
    def __init__(self, provider: _Optional[str] = ..., request_model: _Optional[str] = ..., response_model: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., finish_reason: _Optional[str] = ..., time_to_first_token: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cost_micro_usd: _Optional[int] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("name", "call_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    call_id: str
    def __init__(self, name: _Optional[str] = ..., call_id: _Optional[str] = ...) -> None: ...

class Retrieval(_message.Message):
    __slots__ = ("source", "result_count")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RESULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    source: str
    result_count: int
    def __init__(self, source: _Optional[str] = ..., result_count: _Optional[int] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("run_id", "step_id", "parent_step_id", "sequence", "type", "name", "status", "attempt", "retry_of_step_id", "start_time", "end_time", "model", "tool", "retrieval", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _run_pb2.AttributeValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_run_pb2.AttributeValue, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_STEP_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_STEP_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    RETRIEVAL_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    step_id: str
    parent_step_id: str
    sequence: int
    type: StepType
    name: str
    status: StepStatus
    attempt: int
    retry_of_step_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    model: ModelCall
    tool: ToolCall
    retrieval: Retrieval
    attributes: _containers.MessageMap[str, _run_pb2.AttributeValue]
    def __init__(self, run_id: _Optional[str] = ..., step_id: _Optional[str] = ..., parent_step_id: _Optional[str] = ..., sequence: _Optional[int] = ..., type: _Optional[_Union[StepType, str]] = ..., name: _Optional[str] = ..., status: _Optional[_Union[StepStatus, str]] = ..., attempt: _Optional[int] = ..., retry_of_step_id: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[_Union[ModelCall, _Mapping]] = ..., tool: _Optional[_Union[ToolCall, _Mapping]] = ..., retrieval: _Optional[_Union[Retrieval, _Mapping]] = ..., attributes: _Optional[_Mapping[str, _run_pb2.AttributeValue]] = ...) -> None: ...
