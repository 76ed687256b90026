"""The table of failure codes by class of exception; docs/exception-codes.md is written from it.

A name alone stands for a class of that name in any library; `package.Name` for one of that package,
which is looked for first. So no library is imported to know its exceptions.
"""

from collections.abc import Mapping
from typing import Final

_CLASSES: Final[Mapping[str, str]] = {
    "timeout": """
        TimeoutError Timeout TimeoutException TimeoutExpired FutureTimeoutError DeadlineExceeded DeadlineExceededError
        ConnectTimeout ConnectTimeoutError ReadTimeout ReadTimeoutError WriteTimeout PoolTimeout ConnectionTimeout
        ServerTimeoutError GatewayTimeoutError RequestTimeoutError APITimeoutError ModelTimeoutError
        ModelRequestTimeout ToolTimeoutError NodeTimeoutError RunTimedOut
        QueryCanceled QueryCanceledError LockNotAvailable LockNotAvailableError""",
    "rate_limited": """
        RateLimitError RateLimitedError TooManyRequests TooManyRequestsError ResourceExhausted ThrottlingException
        ModelRateLimitError ModelQuotaExceededError ConcurrencyLimitExceeded""",
    "connection_failed": """
        ConnectionError ConnectError ConnectionFailure NetworkError TransportError ProtocolError RemoteProtocolError
        ProxyError SSLError gaierror herror NewConnectionError NameResolutionError MaxRetryError IncompleteRead
        IncompleteReadError ChunkedEncodingError ClientConnectionError ClientPayloadError ServerDisconnectedError
        RemoteDisconnected APIConnectionError ModelConnectionError URLError EndpointConnectionError
        psycopg.OperationalError asyncpg.PostgresConnectionError ConnectionDoesNotExistError""",
    "permission_denied": """
        PermissionError PermissionDenied PermissionDeniedError AuthenticationError AuthenticationFailed
        AuthorizationError Unauthenticated UnauthenticatedError Unauthorized Forbidden NoPermissionError
        CredentialsError NoCredentialsError ModelAuthenticationError ModelPermissionDeniedError
        InsufficientPrivilege InsufficientPrivilegeError InvalidPassword InvalidPasswordError
        InvalidAuthorizationSpecification""",
    "not_found": """
        FileNotFoundError NotFound NotFoundError DoesNotExist ObjectDoesNotExist NoResultFound ModelNotFoundError
        UndefinedTable UndefinedTableError UndefinedColumn NoSuchTableError""",
    "schema_invalid": """
        JSONDecodeError InvalidJSONError ValidationError SchemaError DecodeError DecodingError UnicodeDecodeError
        UnicodeEncodeError TOMLDecodeError ParseError ContentTypeError APIResponseValidationError
        OutputParserException UnexpectedModelBehavior ModelBehaviorError ToolRetryError""",
    "invalid_arguments": """
        BadRequestError BadRequest InvalidArgument UnprocessableEntityError InvalidURL UnsupportedProtocol
        MissingSchema InvalidSchema FileExistsError IsADirectoryError NotADirectoryError
        ModelRequestRejectedError ModelInvalidRequestError
        DataError IntegrityError ProgrammingError""",
    "context_length_exceeded": """
        ContextWindowExceededError ContextLengthExceeded ContextLengthExceededError ContextOverflowError
        ModelContextWindowExceededError ContentTooLargeError""",
    "content_filtered": """
        ContentPolicyViolationError ContentFilterFinishReasonError ContentFilterError ModelRefusalError""",
    "truncated": "LengthFinishReasonError IncompleteOutputException OutputTokenLimitExceeded",
    "unavailable": """
        InternalServerError ServiceUnavailable ServiceUnavailableError OverloadedError UnavailableError
        BadGatewayError ModelUnavailableError ModelServerError OperationalError InterfaceError InternalError
        TooManyConnections TooManyConnectionsError AdminShutdown CrashShutdown CannotConnectNow DiskFull
        DeadlockDetected DeadlockDetectedError SerializationFailure SerializationError BusyLoadingError
        ClusterDownError MaxConnectionsError BrokenExecutor psycopg_pool.TooManyRequests PoolClosed""",
    "max_steps_exceeded": "RecursionError GraphRecursionError UsageLimitExceeded MaxTurnsExceeded MaxStepsExceeded",
    "guardrail_blocked": """
        InputGuardrailTripwireTriggered OutputGuardrailTripwireTriggered ToolInputGuardrailTripwireTriggered
        ToolOutputGuardrailTripwireTriggered""",
    "tool_error": """
        ToolException ToolFailed ToolFailedError ModelRetry McpError MCPError CalledProcessError
        sqlite3.OperationalError""",
    # What ends work from outside, or hands it to a person, is no failure of the work.
    "cancelled": """
        CancelledError Cancelled KeyboardInterrupt GeneratorExit SystemExit FutureCancelledError RunCancelled
        NodeCancelledError GraphBubbleUp ApprovalRequired CallDeferred""",
}
# These say little by themselves: the HTTP status they carry and what they were raised from come first.
_CARRIERS: Final = """
    HTTPError HTTPStatusError HTTPException APIStatusError APIError ClientResponseError ModelHTTPError MaxRetryError
    RetryError sqlalchemy.OperationalError sqlalchemy.InterfaceError sqlalchemy.InternalError"""
CARRIERS: Final = frozenset(_CARRIERS.split())
CODES: Final[Mapping[str, str]] = {name: code for code, names in _CLASSES.items() for name in names.split()}
DEFAULT_CODE: Final = "uncaught_exception"

HTTP_CODES: Final[Mapping[int, str]] = {
    400: "invalid_arguments",
    401: "permission_denied",
    403: "permission_denied",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    413: "invalid_arguments",
    422: "invalid_arguments",
    429: "rate_limited",
    **dict.fromkeys(range(500, 600), "unavailable"),
    504: "timeout",
}
GRPC_CODES: Final[Mapping[int, str]] = {
    1: "cancelled",
    3: "invalid_arguments",
    4: "timeout",
    5: "not_found",
    6: "invalid_arguments",
    7: "permission_denied",
    8: "rate_limited",
    9: "invalid_arguments",
    10: "unavailable",
    11: "invalid_arguments",
    12: "not_found",
    13: "unavailable",
    14: "unavailable",
    16: "permission_denied",
}
