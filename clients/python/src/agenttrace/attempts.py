"""Attempts at the same work: each is its own step, linked to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agenttrace.steps import Step

ErrorClasses = type[BaseException] | tuple[type[BaseException], ...]


class Attempts:
    """Iterates over attempts until one succeeds or the last has failed; see Run.attempts."""

    def __init__(self, open_step: Callable[[], Step], retry_on: ErrorClasses, max_attempts: int) -> None:
        self._open_step = open_step
        self._retry_on = retry_on
        self._max_attempts = max(1, max_attempts)
        self._latest: Attempt | None = None
        self._first_id = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Attempt:
        latest = self._latest
        if latest is not None and (latest.is_last or not latest.failed):
            raise StopIteration
        number = 1 if latest is None else latest.number + 1
        step = self._open_step()
        step.attempt = number
        step.retry_of = self._first_id
        self._first_id = self._first_id or step.id
        self._latest = Attempt(step, self._retry_on, is_last=number == self._max_attempts)
        return self._latest


class Attempt:
    """One attempt: a context manager, sync and async, around the work.

    An exception of `retry_on` makes the step an error and is caught, so that the loop goes on; that
    of the last attempt, and any other, goes on untouched. An attempt that ended in `step.fail()` is
    followed by the next, too.
    """

    def __init__(self, step: Step, retry_on: ErrorClasses, *, is_last: bool) -> None:
        self.step = step
        self.is_last = is_last
        self.failed = False
        self._retry_on = retry_on

    @property
    def number(self) -> int:
        """Which attempt this is, from 1."""
        return self.step.attempt

    def __enter__(self) -> Step:
        return self.step.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        retried = error is not None and not self.is_last and isinstance(error, self._retry_on)
        self.step.finish(error, retried=retried)
        self.failed = self.step.failed or error is not None
        return retried

    async def __aenter__(self) -> Step:
        return self.step.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return self.__exit__(kind, error, trace)
