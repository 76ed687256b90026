"""Record what AI agents do - runs, steps, classified failures - and never what they say.

Names are loaded when first used, so that `import agenttrace.v1.run_pb2` does not load the SDK.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agenttrace.async_client import AsyncQueryClient
    from agenttrace.attempts import Attempt, Attempts
    from agenttrace.client import QueryClient
    from agenttrace.current import current_step, step
    from agenttrace.errors import (
        AgentTraceError,
        CallError,
        DeadlineExceededError,
        InvalidRequestError,
        InvalidTokenError,
        InvalidValueError,
        NotFoundError,
        PermissionDeniedError,
        PreconditionError,
        RateLimitedError,
        ServerError,
        UnauthenticatedError,
        UnavailableError,
    )
    from agenttrace.exporter import Exporter
    from agenttrace.ids import user_key
    from agenttrace.propagating import propagate
    from agenttrace.receipt import Receipt
    from agenttrace.runs import Run
    from agenttrace.scope import current_run
    from agenttrace.steps import Step
    from agenttrace.tracer import Tracer
    from agenttrace.wrapping import wrap

__version__ = "0.1.0"

_HOME = {
    "AsyncQueryClient": "async_client",
    "Attempt": "attempts",
    "Attempts": "attempts",
    "QueryClient": "client",
    "current_run": "scope",
    "current_step": "current",
    "step": "current",
    "AgentTraceError": "errors",
    "CallError": "errors",
    "DeadlineExceededError": "errors",
    "InvalidRequestError": "errors",
    "InvalidTokenError": "errors",
    "InvalidValueError": "errors",
    "NotFoundError": "errors",
    "PermissionDeniedError": "errors",
    "PreconditionError": "errors",
    "RateLimitedError": "errors",
    "ServerError": "errors",
    "UnauthenticatedError": "errors",
    "UnavailableError": "errors",
    "Exporter": "exporter",
    "user_key": "ids",
    "propagate": "propagating",
    "Receipt": "receipt",
    "Run": "runs",
    "Step": "steps",
    "Tracer": "tracer",
    "wrap": "wrapping",
}

__all__ = [
    "AgentTraceError",
    "AsyncQueryClient",
    "Attempt",
    "Attempts",
    "CallError",
    "DeadlineExceededError",
    "Exporter",
    "InvalidRequestError",
    "InvalidTokenError",
    "InvalidValueError",
    "NotFoundError",
    "PermissionDeniedError",
    "PreconditionError",
    "QueryClient",
    "RateLimitedError",
    "Receipt",
    "Run",
    "ServerError",
    "Step",
    "Tracer",
    "UnauthenticatedError",
    "UnavailableError",
    "__version__",
    "current_run",
    "current_step",
    "propagate",
    "step",
    "user_key",
    "wrap",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'agenttrace' has no attribute {name!r}")
    value: object = getattr(import_module(f"agenttrace.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
