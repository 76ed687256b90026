from agenttrace.v1 import failure_pb2 as _failure_pb2
from agenttrace.v1 import run_pb2 as _run_pb2
from agenttrace.v1 import step_pb2 as _step_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ITEM_KIND_UNSPECIFIED: _ClassVar[ItemKind]
    ITEM_KIND_RUN: _ClassVar[ItemKind]
    ITEM_KIND_STEP: _ClassVar[ItemKind]
    ITEM_KIND_FAILURE: _ClassVar[ItemKind]
    ITEM_KIND_ATTRIBUTE: _ClassVar[ItemKind]
    ITEM_KIND_MESSAGE: _ClassVar[ItemKind]

class RejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECTION_REASON_UNSPECIFIED: _ClassVar[RejectionReason]
    REJECTION_REASON_REQUIRED: _ClassVar[RejectionReason]
    REJECTION_REASON_INVALID_TOKEN: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_LONG: _ClassVar[RejectionReason]
    REJECTION_REASON_INVALID_UUID: _ClassVar[RejectionReason]
    REJECTION_REASON_INVALID_ENUM: _ClassVar[RejectionReason]
    REJECTION_REASON_OUT_OF_RANGE: _ClassVar[RejectionReason]
    REJECTION_REASON_NOT_FINITE: _ClassVar[RejectionReason]
    REJECTION_REASON_INVALID_TIME: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_OLD: _ClassVar[RejectionReason]
    REJECTION_REASON_IN_FUTURE: _ClassVar[RejectionReason]
    REJECTION_REASON_END_BEFORE_START: _ClassVar[RejectionReason]
    REJECTION_REASON_INCONSISTENT: _ClassVar[RejectionReason]
    REJECTION_REASON_CONFLICT: _ClassVar[RejectionReason]
    REJECTION_REASON_ERASED: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_MANY_STEPS: _ClassVar[RejectionReason]
    REJECTION_REASON_INVALID_KEY: _ClassVar[RejectionReason]
    REJECTION_REASON_CONTENT_KEY: _ClassVar[RejectionReason]
    REJECTION_REASON_SENSITIVE_VALUE: _ClassVar[RejectionReason]
    REJECTION_REASON_NOT_REGISTERED: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_MANY_NAMES: _ClassVar[RejectionReason]
    REJECTION_REASON_MALFORMED_MESSAGE: _ClassVar[RejectionReason]
    REJECTION_REASON_TOO_MANY_ITEMS: _ClassVar[RejectionReason]

class RejectionField(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECTION_FIELD_UNSPECIFIED: _ClassVar[RejectionField]
    REJECTION_FIELD_RUN_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_STEP_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_FAILURE_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_AGENT_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_AGENT_VERSION: _ClassVar[RejectionField]
    REJECTION_FIELD_ENVIRONMENT: _ClassVar[RejectionField]
    REJECTION_FIELD_STATUS: _ClassVar[RejectionField]
    REJECTION_FIELD_START_TIME: _ClassVar[RejectionField]
    REJECTION_FIELD_END_TIME: _ClassVar[RejectionField]
    REJECTION_FIELD_HEARTBEAT_TIME: _ClassVar[RejectionField]
    REJECTION_FIELD_LEASE_DURATION: _ClassVar[RejectionField]
    REJECTION_FIELD_SESSION_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_USER_KEY: _ClassVar[RejectionField]
    REJECTION_FIELD_PARENT_RUN_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_TAGS: _ClassVar[RejectionField]
    REJECTION_FIELD_RUN_ATTRIBUTES: _ClassVar[RejectionField]
    REJECTION_FIELD_STEP_ATTRIBUTES: _ClassVar[RejectionField]
    REJECTION_FIELD_EXPECTED_STEP_COUNT: _ClassVar[RejectionField]
    REJECTION_FIELD_PARENT_STEP_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_SEQUENCE: _ClassVar[RejectionField]
    REJECTION_FIELD_TYPE: _ClassVar[RejectionField]
    REJECTION_FIELD_NAME: _ClassVar[RejectionField]
    REJECTION_FIELD_ATTEMPT: _ClassVar[RejectionField]
    REJECTION_FIELD_RETRY_OF_STEP_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_PROVIDER: _ClassVar[RejectionField]
    REJECTION_FIELD_REQUEST_MODEL: _ClassVar[RejectionField]
    REJECTION_FIELD_RESPONSE_MODEL: _ClassVar[RejectionField]
    REJECTION_FIELD_INPUT_TOKENS: _ClassVar[RejectionField]
    REJECTION_FIELD_OUTPUT_TOKENS: _ClassVar[RejectionField]
    REJECTION_FIELD_CACHE_READ_TOKENS: _ClassVar[RejectionField]
    REJECTION_FIELD_CACHE_WRITE_TOKENS: _ClassVar[RejectionField]
    REJECTION_FIELD_REASONING_TOKENS: _ClassVar[RejectionField]
    REJECTION_FIELD_INPUT_TOKEN_SEMANTICS: _ClassVar[RejectionField]
    REJECTION_FIELD_FINISH_REASON: _ClassVar[RejectionField]
    REJECTION_FIELD_TIME_TO_FIRST_TOKEN: _ClassVar[RejectionField]
    REJECTION_FIELD_COST_MICRO_USD: _ClassVar[RejectionField]
    REJECTION_FIELD_TOOL_NAME: _ClassVar[RejectionField]
    REJECTION_FIELD_TOOL_CALL_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_RETRIEVAL_SOURCE: _ClassVar[RejectionField]
    REJECTION_FIELD_RESULT_COUNT: _ClassVar[RejectionField]
    REJECTION_FIELD_CODE: _ClassVar[RejectionField]
    REJECTION_FIELD_EXCEPTION_TYPE: _ClassVar[RejectionField]
    REJECTION_FIELD_HTTP_STATUS: _ClassVar[RejectionField]
    REJECTION_FIELD_GRPC_STATUS: _ClassVar[RejectionField]
    REJECTION_FIELD_CAUSED_BY_FAILURE_ID: _ClassVar[RejectionField]
    REJECTION_FIELD_OCCUR_TIME: _ClassVar[RejectionField]

class CloseReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLOSE_REASON_UNSPECIFIED: _ClassVar[CloseReason]
    CLOSE_REASON_MESSAGE_LIMIT: _ClassVar[CloseReason]
    CLOSE_REASON_BYTE_LIMIT: _ClassVar[CloseReason]
    CLOSE_REASON_TIME_LIMIT: _ClassVar[CloseReason]
    CLOSE_REASON_DRAINING: _ClassVar[CloseReason]
    CLOSE_REASON_RATE_LIMIT: _ClassVar[CloseReason]
ITEM_KIND_UNSPECIFIED: ItemKind
ITEM_KIND_RUN: ItemKind
ITEM_KIND_STEP: ItemKind
ITEM_KIND_FAILURE: ItemKind
ITEM_KIND_ATTRIBUTE: ItemKind
ITEM_KIND_MESSAGE: ItemKind
REJECTION_REASON_UNSPECIFIED: RejectionReason
REJECTION_REASON_REQUIRED: RejectionReason
REJECTION_REASON_INVALID_TOKEN: RejectionReason
REJECTION_REASON_TOO_LONG: RejectionReason
REJECTION_REASON_INVALID_UUID: RejectionReason
REJECTION_REASON_INVALID_ENUM: RejectionReason
REJECTION_REASON_OUT_OF_RANGE: RejectionReason
REJECTION_REASON_NOT_FINITE: RejectionReason
REJECTION_REASON_INVALID_TIME: RejectionReason
REJECTION_REASON_TOO_OLD: RejectionReason
REJECTION_REASON_IN_FUTURE: RejectionReason
REJECTION_REASON_END_BEFORE_START: RejectionReason
REJECTION_REASON_INCONSISTENT: RejectionReason
REJECTION_REASON_CONFLICT: RejectionReason
REJECTION_REASON_ERASED: RejectionReason
REJECTION_REASON_TOO_MANY_STEPS: RejectionReason
REJECTION_REASON_INVALID_KEY: RejectionReason
REJECTION_REASON_CONTENT_KEY: RejectionReason
REJECTION_REASON_SENSITIVE_VALUE: RejectionReason
REJECTION_REASON_NOT_REGISTERED: RejectionReason
REJECTION_REASON_TOO_MANY_NAMES: RejectionReason
REJECTION_REASON_MALFORMED_MESSAGE: RejectionReason
REJECTION_REASON_TOO_MANY_ITEMS: RejectionReason
REJECTION_FIELD_UNSPECIFIED: RejectionField
REJECTION_FIELD_RUN_ID: RejectionField
REJECTION_FIELD_STEP_ID: RejectionField
REJECTION_FIELD_FAILURE_ID: RejectionField
REJECTION_FIELD_AGENT_ID: RejectionField
REJECTION_FIELD_AGENT_VERSION: RejectionField
REJECTION_FIELD_ENVIRONMENT: RejectionField
REJECTION_FIELD_STATUS: RejectionField
REJECTION_FIELD_START_TIME: RejectionField
REJECTION_FIELD_END_TIME: RejectionField
REJECTION_FIELD_HEARTBEAT_TIME: RejectionField
REJECTION_FIELD_LEASE_DURATION: RejectionField
REJECTION_FIELD_SESSION_ID: RejectionField
REJECTION_FIELD_USER_KEY: RejectionField
REJECTION_FIELD_PARENT_RUN_ID: RejectionField
REJECTION_FIELD_TAGS: RejectionField
REJECTION_FIELD_RUN_ATTRIBUTES: RejectionField
REJECTION_FIELD_STEP_ATTRIBUTES: RejectionField
REJECTION_FIELD_EXPECTED_STEP_COUNT: RejectionField
REJECTION_FIELD_PARENT_STEP_ID: RejectionField
REJECTION_FIELD_SEQUENCE: RejectionField
REJECTION_FIELD_TYPE: RejectionField
REJECTION_FIELD_NAME: RejectionField
REJECTION_FIELD_ATTEMPT: RejectionField
REJECTION_FIELD_RETRY_OF_STEP_ID: RejectionField
REJECTION_FIELD_PROVIDER: RejectionField
REJECTION_FIELD_REQUEST_MODEL: RejectionField
REJECTION_FIELD_RESPONSE_MODEL: RejectionField
REJECTION_FIELD_INPUT_TOKENS: RejectionField
REJECTION_FIELD_OUTPUT_TOKENS: RejectionField
REJECTION_FIELD_CACHE_READ_TOKENS: RejectionField
REJECTION_FIELD_CACHE_WRITE_TOKENS: RejectionField
REJECTION_FIELD_REASONING_TOKENS: RejectionField
REJECTION_FIELD_INPUT_TOKEN_SEMANTICS: RejectionField
REJECTION_FIELD_FINISH_REASON: RejectionField
REJECTION_FIELD_TIME_TO_FIRST_TOKEN: RejectionField
REJECTION_FIELD_COST_MICRO_USD: RejectionField
REJECTION_FIELD_TOOL_NAME: RejectionField
REJECTION_FIELD_TOOL_CALL_ID: RejectionField
REJECTION_FIELD_RETRIEVAL_SOURCE: RejectionField
REJECTION_FIELD_RESULT_COUNT: RejectionField
REJECTION_FIELD_CODE: RejectionField
REJECTION_FIELD_EXCEPTION_TYPE: RejectionField
REJECTION_FIELD_HTTP_STATUS: RejectionField
REJECTION_FIELD_GRPC_STATUS: RejectionField
REJECTION_FIELD_CAUSED_BY_FAILURE_ID: RejectionField
REJECTION_FIELD_OCCUR_TIME: RejectionField
CLOSE_REASON_UNSPECIFIED: CloseReason
CLOSE_REASON_MESSAGE_LIMIT: CloseReason
CLOSE_REASON_BYTE_LIMIT: CloseReason
CLOSE_REASON_TIME_LIMIT: CloseReason
CLOSE_REASON_DRAINING: CloseReason
CLOSE_REASON_RATE_LIMIT: CloseReason

class ItemCounts(_message.Message):
    __slots__ = ("accepted", "duplicate", "rejected")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    duplicate: int
    rejected: int
    def __init__(self, accepted: _Optional[int] = ..., duplicate: _Optional[int] = ..., rejected: _Optional[int] = ...) -> None: ...

class RecordCounts(_message.Message):
    __slots__ = ("runs", "steps", "failures", "rejected_attribute_count", "rejected_message_count", "unknown_field_count")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ATTRIBUTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    runs: ItemCounts
    steps: ItemCounts
    failures: ItemCounts
    rejected_attribute_count: int
    rejected_message_count: int
    unknown_field_count: int
    def __init__(self, runs: _Optional[_Union[ItemCounts, _Mapping]] = ..., steps: _Optional[_Union[ItemCounts, _Mapping]] = ..., failures: _Optional[_Union[ItemCounts, _Mapping]] = ..., rejected_attribute_count: _Optional[int] = ..., rejected_message_count: _Optional[int] = ..., unknown_field_count: _Optional[int] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("message_index", "kind", "item_index", "reason", "field")
    MESSAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ITEM_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    message_index: int
    kind: ItemKind
    item_index: int
    reason: RejectionReason
    field: RejectionField
    def __init__(self, message_index: _Optional[int] = ..., kind: _Optional[_Union[ItemKind, str]] = ..., item_index: _Optional[int] = ..., reason: _Optional[_Union[RejectionReason, str]] = ..., field: _Optional[_Union[RejectionField, str]] = ...) -> None: ...

class UploadStepsRequest(_message.Message):
    __slots__ = ("runs", "steps", "failures", "resend")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    RESEND_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.Run]
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    failures: _containers.RepeatedCompositeFieldContainer[_failure_pb2.Failure]
    resend: bool
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.Run, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[_failure_pb2.Failure, _Mapping]]] = ..., resend: bool = ...) -> None: ...

class UploadStepsResponse(_message.Message):
    __slots__ = ("acknowledged_message_count", "counts", "rejections", "close_reason")
    ACKNOWLEDGED_MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_REASON_FIELD_NUMBER: _ClassVar[int]
    acknowledged_message_count: int
    counts: RecordCounts
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    close_reason: CloseReason
    def __init__(self, acknowledged_message_count: _Optional[int] = ..., counts: _Optional[_Union[RecordCounts, _Mapping]] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ..., close_reason: _Optional[_Union[CloseReason, str]] = ...) -> None: ...

class RecordBatchRequest(_message.Message):
    __slots__ = ("runs", "steps", "failures", "resend")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    RESEND_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.Run]
    steps: _containers.RepeatedCompositeFieldContainer[_step_pb2.Step]
    failures: _containers.RepeatedCompositeFieldContainer[_failure_pb2.Failure]
    resend: bool
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.Run, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[_step_pb2.Step, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[_failure_pb2.Failure, _Mapping]]] = ..., resend: bool = ...) -> None: ...

class RecordBatchResponse(_message.Message):
    __slots__ = ("counts", "rejections")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    counts: RecordCounts
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    def __init__(self, counts: _Optional[_Union[RecordCounts, _Mapping]] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ...) -> None: ...
