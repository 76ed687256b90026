from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailureType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_TYPE_UNSPECIFIED: _ClassVar[FailureType]
    FAILURE_TYPE_TOOL: _ClassVar[FailureType]
    FAILURE_TYPE_MODEL: _ClassVar[FailureType]
    FAILURE_TYPE_RETRIEVAL: _ClassVar[FailureType]
    FAILURE_TYPE_ORCHESTRATION: _ClassVar[FailureType]
FAILURE_TYPE_UNSPECIFIED: FailureType
FAILURE_TYPE_TOOL: FailureType
FAILURE_TYPE_MODEL: FailureType
FAILURE_TYPE_RETRIEVAL: FailureType
FAILURE_TYPE_ORCHESTRATION: FailureType

class Failure(_message.Message):
    __slots__ = ("failure_id", "run_id", "step_id", "type", "code", "exception_type", "http_status", "grpc_status", "retryable", "caused_by_failure_id", "occur_time")
    FAILURE_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    GRPC_STATUS_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    CAUSED_BY_FAILURE_ID_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    failure_id: str
    run_id: str
    step_id: str
    type: FailureType
    code: str
    exception_type: str
    http_status: int
    grpc_status: int
    retryable: bool
    caused_by_failure_id: str
    occur_time: _timestamp_pb2.Timestamp
    def __init__(self, failure_id: _Optional[str] = ..., run_id: _Optional[str] = ..., step_id: _Optional[str] = ..., type: _Optional[_Union[FailureType, str]] = ..., code: _Optional[str] = ..., exception_type: _Optional[str] = ..., http_status: _Optional[int] = ..., grpc_status: _Optional[int] = ..., retryable: bool = ..., caused_by_failure_id: _Optional[str] = ..., occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FailureDetail(_message.Message):
    __slots__ = ("failure", "recovered", "root", "agent_id", "agent_version", "environment", "step_name", "attempt")
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    STEP_NAME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    failure: Failure
    recovered: bool
    root: bool
    agent_id: str
    agent_version: str
    environment: str
    step_name: str
    attempt: int
    def __init__(self, failure: _Optional[_Union[Failure, _Mapping]] = ..., recovered: bool = ..., root: bool = ..., agent_id: _Optional[str] = ..., agent_version: _Optional[str] = ..., environment: _Optional[str] = ..., step_name: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class FailureCode(_message.Message):
    __slots__ = ("type", "code", "title", "remedy")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    type: FailureType
    code: str
    title: str
    remedy: str
    def __init__(self, type: _Optional[_Union[FailureType, str]] = ..., code: _Optional[str] = ..., title: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...
