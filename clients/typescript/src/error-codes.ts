/** The codes of failures by the name of an error's class, its `code`, and the HTTP or gRPC status it carries. */

const NAMES: Readonly<Record<string, string>> = {
  timeout: `
    TimeoutError APIConnectionTimeoutError APITimeoutError RequestTimeoutError ConnectTimeoutError HeadersTimeoutError
    BodyTimeoutError GatewayTimeoutError ToolTimeoutError ModelTimeoutError`,
  rate_limited: "RateLimitError RateLimitedError TooManyRequestsError TooManyRequestsException ThrottlingException",
  connection_failed: `
    APIConnectionError ConnectionError ConnectionRefusedError NetworkError SocketError FetchError
    MongoNetworkError ConnectionClosedError`,
  permission_denied: `
    AuthenticationError AuthorizationError PermissionDeniedError UnauthorizedError ForbiddenError
    UnauthenticatedError AccessDeniedException AI_LoadAPIKeyError`,
  not_found: `
    NotFoundError NoResultError ModelNotFoundError EntityNotFoundError AI_NoSuchModelError AI_NoSuchToolError`,
  schema_invalid: `
    SyntaxError ZodError ValidationError ValiError OutputParserException ModelBehaviorError
    AI_TypeValidationError AI_JSONParseError AI_NoObjectGeneratedError AI_InvalidResponseDataError`,
  invalid_arguments: `
    BadRequestError UnprocessableEntityError ConflictError InvalidArgumentError ToolInputParsingException
    AI_InvalidArgumentError AI_InvalidToolInputError AI_InvalidToolArgumentsError AI_InvalidPromptError`,
  context_length_exceeded: "ContextLengthExceededError ContextOverflowError ContextWindowExceededError",
  content_filtered: "ContentFilterError ContentFilterFinishReasonError",
  truncated: "LengthFinishReasonError",
  unavailable: "InternalServerError ServiceUnavailableError OverloadedError BadGatewayError",
  max_steps_exceeded: "GraphRecursionError MaxTurnsExceededError RecursionError",
  guardrail_blocked: `
    InputGuardrailTripwireTriggered OutputGuardrailTripwireTriggered
    ToolInputGuardrailTripwireTriggered ToolOutputGuardrailTripwireTriggered`,
  tool_error: "ToolException ToolCallError McpError AI_ToolExecutionError",
  // What ends work from outside, or hands it to a person, is no failure of the work.
  cancelled: "AbortError APIUserAbortError CanceledError CancelledError GraphInterrupt GraphBubbleUp NodeInterrupt",
};

const NODE_CODES: Readonly<Record<string, string>> = {
  timeout: "ETIMEDOUT ESOCKETTIMEDOUT UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT",
  connection_failed: `
    ECONNREFUSED ECONNRESET ECONNABORTED ENOTFOUND EAI_AGAIN EPIPE EHOSTUNREACH ENETUNREACH ERR_NETWORK
    ERR_SOCKET_CLOSED UND_ERR_SOCKET ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_TLS_CERT_ALTNAME_INVALID`,
  permission_denied: "EACCES EPERM",
  not_found: "ENOENT ERR_MODULE_NOT_FOUND",
  invalid_arguments: "ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_INVALID_URL EEXIST EISDIR ENOTDIR",
  context_length_exceeded: "context_length_exceeded",
  rate_limited: "rate_limit_exceeded insufficient_quota",
  unavailable: "EMFILE ENOSPC ERR_WORKER_OUT_OF_MEMORY",
  cancelled: "ABORT_ERR ERR_CANCELED",
};

/** These say little by themselves: the HTTP status they carry and what caused them come first. */
export const CARRIERS: ReadonlySet<string> = new Set(
  "APIError AxiosError HTTPError AI_APICallError AI_RetryError".split(" "),
);
export const CODES_BY_NAME = table(NAMES);
export const CODES_BY_NODE_CODE = table(NODE_CODES);
export const DEFAULT_CODE = "uncaught_exception";

const HTTP_CODES: Readonly<Record<number, string>> = {
  400: "invalid_arguments",
  401: "permission_denied",
  403: "permission_denied",
  404: "not_found",
  408: "timeout",
  410: "not_found",
  413: "invalid_arguments",
  422: "invalid_arguments",
  429: "rate_limited",
  504: "timeout",
};

/** By gRPC status, from 0 on. */
const GRPC_CODES = `
  - cancelled - invalid_arguments timeout not_found invalid_arguments permission_denied rate_limited
  invalid_arguments unavailable invalid_arguments not_found unavailable unavailable - permission_denied
  `.trim().split(/\s+/);

/** Return the code of an HTTP status; empty where it has none. */
export function codeOfHttp(status: number | undefined): string {
  return (status && (HTTP_CODES[status] ?? (status >= 500 ? "unavailable" : ""))) || "";
}

/** Return the code of a gRPC status; empty where it has none. */
export function codeOfGrpc(status: number | undefined): string {
  const code = GRPC_CODES[status ?? 0] ?? "-";
  return code === "-" ? "" : code;
}

function table(codes: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const wordsOf = (names: string): string[] => names.trim().split(/\s+/);
  const entries = Object.entries(codes).flatMap(([code, names]) => wordsOf(names).map((name) => [name, code] as const));
  return new Map(entries);
}
