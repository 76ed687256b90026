"""Every exception of this package.

AgentTraceError
├── InvalidTokenError          a name given to Tracer is no token (also a ValueError)
├── InvalidValueError          an id, time or filter is not of its form (also a ValueError)
└── CallError                  a call of a server did not succeed
    ├── InvalidRequestError    INVALID_ARGUMENT: `violations` says which field and how
    ├── UnauthenticatedError   UNAUTHENTICATED: no key, or one that is unknown, expired or revoked
    ├── PermissionDeniedError  PERMISSION_DENIED: the key's scopes do not include the call
    ├── NotFoundError          NOT_FOUND
    ├── PreconditionError      FAILED_PRECONDITION, such as a resume token that is no longer kept
    ├── RateLimitedError       RESOURCE_EXHAUSTED: a limit was passed; see `retry_after_seconds`
    ├── DeadlineExceededError  DEADLINE_EXCEEDED: the answer did not come in time
    ├── UnavailableError       UNAVAILABLE: not reachable, draining, overloaded or without its database
    └── ServerError            any other status: a fault of the server, or no server of this kind
"""


class AgentTraceError(Exception):
    """The root of the tree."""


class InvalidTokenError(AgentTraceError, ValueError):
    """A name is no token. The message says which argument, never its value."""


class InvalidValueError(AgentTraceError, ValueError):
    """An id, a time or a filter is not of its form."""


class CallError(AgentTraceError):
    """A call of a server did not succeed.

    Attributes:
        status: The name of the gRPC status, such as "NOT_FOUND".
        reason: The server's reason, a value of `ErrorReason` without its prefix; empty where no
            server of ours answered.
        facts: What the server told beside the reason, such as the log id of an internal fault.
        violations: The fields that were refused, each with a description.
        retry_after_seconds: How long the server asks to wait; None where it does not say.
    """

    status: str = ""
    reason: str = ""
    facts: dict[str, str]
    violations: tuple[tuple[str, str], ...] = ()
    retry_after_seconds: float | None = None

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.facts = {}


class InvalidRequestError(CallError):
    """A field of the request is wrong."""


class UnauthenticatedError(CallError):
    """There is no key, or it is unknown, expired or revoked."""


class PermissionDeniedError(CallError):
    """The key's scopes do not include the call."""


class NotFoundError(CallError):
    """What was asked for does not exist."""


class PreconditionError(CallError):
    """The call cannot be carried out as things are."""


class RateLimitedError(CallError):
    """A rate or a limit was passed."""


class DeadlineExceededError(CallError):
    """The answer did not come in time."""


class UnavailableError(CallError):
    """No server answers, or it cannot answer now."""


class ServerError(CallError):
    """The server has a fault, or is no server of ours."""
