"""When to send again what could not be sent."""

import enum
import random

from agenttrace.errors import (
    CallError,
    DeadlineExceededError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)

_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 30.0
# A fault of the server may lie in one batch: it must not hold up all others for good.
_TRIES_AT_FAULTS = 5


_PASSING = (
    UnavailableError,
    DeadlineExceededError,
    UnauthenticatedError,
    PermissionDeniedError,
    RateLimitedError,
)
# A server or proxy that ends, resets the stream: CANCELLED. One that is not yet ours: UNIMPLEMENTED.
_PASSING_STATUSES = frozenset({"CANCELLED", "ABORTED", "UNIMPLEMENTED"})


class Verdict(enum.Enum):
    """What to do with a batch whose call failed."""

    WAIT = enum.auto()
    GIVE_UP = enum.auto()


class Backoff:
    """Waits twice as long after each failure in a row, with jitter, and as long as the server asks."""

    def __init__(self) -> None:
        self._failures = 0
        self._faults = 0

    @property
    def failed_before(self) -> bool:
        """Whether the try before this one has failed, too."""
        return self._failures > 0

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0
        self._faults = 0

    def judge(self, error: Exception) -> Verdict:
        """Say whether sending again can help: outages and wrong keys pass, wrong batches do not."""
        if isinstance(error, InvalidRequestError):
            return self._give_up()
        if isinstance(error, RateLimitedError) and error.retry_after_seconds is None:
            return self._give_up()
        if isinstance(error, _PASSING) or getattr(error, "status", "") in _PASSING_STATUSES:
            return Verdict.WAIT
        self._faults += 1
        return self._give_up() if self._faults >= _TRIES_AT_FAULTS else Verdict.WAIT

    def delay_seconds(self, error: Exception | None) -> float:
        """Return how long to wait before the next try."""
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        asked = error.retry_after_seconds if isinstance(error, CallError) else None
        # Jitter, so that a thousand agents do not come back in the same second.
        return (asked or 0.0) + random.uniform(longest / 2, longest) * (0.25 if asked else 1.0)  # noqa: S311

    def _give_up(self) -> Verdict:
        self._faults = 0
        return Verdict.GIVE_UP
