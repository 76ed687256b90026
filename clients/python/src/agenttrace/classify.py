"""Which failure an exception is: found by the name of its class, never by its text.

The classes of an exception are looked at from the most special to the most general; the first whose
name is in the table gives the code. No library is imported for it. The codes are those of the
catalogue (docs/failure-codes.md).
"""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from agenttrace import limits
from agenttrace.errors import InvalidTokenError
from agenttrace.v1.failure_pb2 import (
    FAILURE_TYPE_MODEL,
    FAILURE_TYPE_ORCHESTRATION,
    FAILURE_TYPE_RETRIEVAL,
    FAILURE_TYPE_TOOL,
    FailureType,
)
from agenttrace.v1.step_pb2 import (
    STEP_TYPE_MODEL,
    STEP_TYPE_RESPOND,
    STEP_TYPE_RETRIEVE,
    STEP_TYPE_TOOL,
    StepType,
)

_NAMES_OF_CODE = {
    "timeout": (
        "TimeoutError Timeout TimeoutException ReadTimeout ConnectTimeout WriteTimeout PoolTimeout APITimeoutError "
        "ServerTimeoutError TimeoutExpired DeadlineExceeded DeadlineExceededError QueryCanceled"
    ),
    "rate_limited": "RateLimitError RateLimitedError TooManyRequests ResourceExhausted ThrottlingException",
    "connection_failed": (
        "ConnectionError ConnectError ConnectionFailure APIConnectionError NetworkError ClientConnectionError "
        "RemoteProtocolError gaierror"
    ),
    "permission_denied": (
        "PermissionError PermissionDenied PermissionDeniedError AuthenticationError Unauthenticated "
        "UnauthenticatedError Forbidden InsufficientPrivilege"
    ),
    "not_found": "FileNotFoundError NotFound NotFoundError DoesNotExist NoResultFound",
    "schema_invalid": (
        "JSONDecodeError ValidationError SchemaError DecodeError UnicodeDecodeError OutputParserException"
    ),
    "invalid_arguments": "BadRequestError BadRequest InvalidArgument UnprocessableEntityError",
    "context_length_exceeded": "ContextWindowExceededError ContextLengthExceeded",
    "content_filtered": "ContentPolicyViolationError ContentFilterFinishReasonError ContentFilterError",
    "truncated": "LengthFinishReasonError IncompleteOutputException",
    "unavailable": "InternalServerError ServiceUnavailable ServiceUnavailableError OverloadedError UnavailableError",
    "max_steps_exceeded": "RecursionError GraphRecursionError UsageLimitExceeded MaxTurnsExceeded",
    "cancelled": "CancelledError KeyboardInterrupt GeneratorExit SystemExit",
}
CODES: Mapping[str, str] = {name: code for code, names in _NAMES_OF_CODE.items() for name in names.split()}
DEFAULT_CODE = "uncaught_exception"

_FAILURE_TYPES = {
    STEP_TYPE_TOOL: FAILURE_TYPE_TOOL,
    STEP_TYPE_RETRIEVE: FAILURE_TYPE_RETRIEVAL,
    STEP_TYPE_MODEL: FAILURE_TYPE_MODEL,
    STEP_TYPE_RESPOND: FAILURE_TYPE_MODEL,
}


def failure_type_of(step_type: StepType) -> FailureType:
    """Return the type of a failure in a step of this type."""
    return _FAILURE_TYPES.get(step_type, FAILURE_TYPE_ORCHESTRATION)


def is_cancellation(error: BaseException) -> bool:
    """Whether the exception ends work from outside, which is no failure of the work."""
    return any(CODES.get(cls.__name__) == "cancelled" for cls in type(error).__mro__)


def class_name(cls: type[BaseException]) -> str:
    """Return the qualified name of an exception's class if it is a token, else the empty string."""
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name if limits.TOKEN.fullmatch(name) else ""


class Classifier:
    """The table of codes with the host's own entries before it.

    Raises:
        InvalidTokenError: A code of `own` is no token.
    """

    def __init__(self, own: Mapping[str | type[BaseException], str] | None = None) -> None:
        self._own = {key if isinstance(key, str) else class_name(key): code for key, code in (own or {}).items()}
        if not all(isinstance(code, str) and limits.TOKEN.fullmatch(code) for code in self._own.values()):
            raise InvalidTokenError("a code in classify is no token")
        self._known: WeakKeyDictionary[type[BaseException], str] = WeakKeyDictionary()

    def code(self, error: BaseException) -> str:
        """Return the code of an exception."""
        cls = type(error)
        if cls not in self._known:
            self._known[cls] = self._look_up(cls)
        return self._known[cls]

    def _look_up(self, cls: type[BaseException]) -> str:
        for ancestor in cls.__mro__[:-1]:
            name = ancestor.__name__
            code = self._own.get(class_name(ancestor)) or self._own.get(name) or CODES.get(name)
            if code:
                return code
        return DEFAULT_CODE
