"""Which failure an exception is: found by the name of its class and its status, never by its text.

The exception is looked at first, then what it was raised from (`__cause__`) and, of a group, its members.
Of each the classes are looked at from the most special to the most general: the host's own entries, then
the table of `agenttrace.exception_codes`. A gRPC or HTTP status tells where no class does.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from agenttrace.errors import InvalidTokenError
from agenttrace.exception_codes import CARRIERS, CODES, DEFAULT_CODE, GRPC_CODES, HTTP_CODES
from agenttrace.forms import is_token
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

Code = str | Callable[[BaseException], str]
"""A code, or what tells the code of an exception: "" for "go on looking"."""

_FAILURE_TYPES = {
    STEP_TYPE_TOOL: FAILURE_TYPE_TOOL,
    STEP_TYPE_RETRIEVE: FAILURE_TYPE_RETRIEVAL,
    STEP_TYPE_MODEL: FAILURE_TYPE_MODEL,
    STEP_TYPE_RESPOND: FAILURE_TYPE_MODEL,
}
_LOOKED_AT = 16  # exceptions of one chain or group


def failure_type_of(step_type: StepType) -> FailureType:
    """Return the type of a failure in a step of this type."""
    return _FAILURE_TYPES.get(step_type, FAILURE_TYPE_ORCHESTRATION)


def is_cancellation(error: BaseException) -> bool:
    """Whether the exception ends work from outside, which is no failure of the work."""
    return _weak_code(error) == "cancelled"


def class_name(cls: type[BaseException]) -> str:
    """Return the qualified name of an exception's class if it is a token, else the empty string."""
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name if is_token(name) else ""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception, what it was raised from and what it groups: the nearest first, each once."""
    found = [error]
    for exception in found:
        yield exception
        members = exception.exceptions if isinstance(exception, BaseExceptionGroup) else ()
        for inner in (exception.__cause__, *members):
            if inner is not None and len(found) < _LOOKED_AT and all(inner is not other for other in found):
                found.append(inner)


def http_status_of(error: BaseException) -> int | None:
    """Return the status of the HTTP answer that the exception carries, 400 to 599; else None."""
    for holder in (error, _attribute(error, "response")):
        for name in ("status_code", "status", "code"):
            status = _attribute(holder, name)
            if isinstance(status, int) and 400 <= status <= 599:
                return int(status)
    return None


def grpc_status_of(error: BaseException) -> int | None:
    """Return the gRPC status that the exception carries, 1 to 16; else None."""
    if not any(cls.__module__.partition(".")[0] == "grpc" for cls in type(error).__mro__):
        return None
    with suppress(Exception):  # an exception of the host's that only looks like grpc's
        status = error.code().value[0]  # type: ignore[attr-defined] # of grpc.RpcError as it is raised
        return status if isinstance(status, int) and 1 <= status <= 16 else None
    return None


class Classifier:
    """The table of codes with the host's own entries before it.

    Raises:
        InvalidTokenError: A code of `own` is no token.
    """

    def __init__(self, own: Mapping[str | type[BaseException], Code] | None = None) -> None:
        self._own = {key if isinstance(key, str) else class_name(key): code for key, code in (own or {}).items()}
        if not all(callable(code) or is_token(code) for code in self._own.values()):
            raise InvalidTokenError("a code in classify is no token")

    def code(self, error: BaseException) -> str:
        """Return the code of an exception."""
        found = list(causes(error))
        codes = (self._own_code(exception) or _strong_code(exception) for exception in found)
        return next(filter(None, codes), "") or next(filter(None, map(_weak_code, found)), DEFAULT_CODE)

    def _own_code(self, error: BaseException) -> str:
        if self._own:
            for cls in type(error).__mro__:
                code = self._own.get(class_name(cls)) or self._own.get(cls.__name__)
                if code and (told := _told(code, error)):
                    return told
        return ""


def _told(code: Code, error: BaseException) -> str:
    """Return what an own entry says; nothing if it is a function that fails or tells no token."""
    if isinstance(code, str):
        return code
    with suppress(Exception):
        told = code(error)
        return told if is_token(told) else ""
    return ""


def _strong_code(error: BaseException) -> str:
    """Return the code of one exception; nothing where what it was raised from may tell more."""
    status = GRPC_CODES.get(grpc_status_of(error) or 0)
    if status:
        return status
    for cls in type(error).__mro__:
        if cls.__name__ in CARRIERS or _in_package(cls) in CARRIERS:
            break
        if code := _code_of_class(cls):
            return code
    return HTTP_CODES.get(http_status_of(error) or 0, "")


def _weak_code(error: BaseException) -> str:
    """Return the code by the class of an exception, whatever it carries."""
    return next(filter(None, map(_code_of_class, type(error).__mro__)), "")


def _code_of_class(cls: type) -> str:
    return CODES.get(_in_package(cls)) or CODES.get(cls.__name__) or ""


def _in_package(cls: type) -> str:
    return f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


def _attribute(holder: object, name: str) -> object:
    """Return an attribute of the host's; None where there is none, or reading it fails."""
    with suppress(Exception):
        return getattr(holder, name, None)
    return None
