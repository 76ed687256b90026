"""Attempts at the same work: each is its own step, linked to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agenttrace.steps import Step

ErrorClasses = type[BaseException] | tuple[type[BaseException], ...]


class Attempts:
    """Iterates, with `for` or `async for`, until an attempt succeeds or the last has failed; see Run.attempts."""

    def __init__(self, open_step: Callable[[], Step], retry_on: ErrorClasses, max_attempts: int) -> None:
        self._open_step = open_step
        self._retry_on = retry_on
        self._max_attempts = max(1, max_attempts)
        self._latest: Attempt | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Attempt:
        latest = self._latest
        if latest is not None and (latest.is_last or not latest.failed):
            raise StopIteration
        step = self._open_step()
        if latest is not None:
            step.repeats(latest.step.work)
        step.to_repeat, step.failed_inside = (latest.step.failed_inside if latest else None), {}
        number = 1 if latest is None else latest.number + 1
        self._latest = Attempt(step, number, self._retry_on, is_last=number == self._max_attempts)
        return self._latest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        try:
            return self.__next__()
        except StopIteration:
            raise StopAsyncIteration from None


class Attempt:
    """One attempt: a context manager, sync and async, around the work.

    An exception of `retry_on` makes the step an error and is caught, so that the loop goes on; that
    of the last attempt, and any other, goes on untouched. An attempt that ended in `step.fail()` is
    followed by the next, too. What failed inside of it and is done again inside of the next, by a step
    of the same type and name, is a next attempt as well.

    Attributes:
        step: The step.
        number: Which attempt of this loop it is, from 1.
        is_last: Whether no other follows if it fails.
        failed: Whether it has failed.
    """

    def __init__(self, step: Step, number: int, retry_on: ErrorClasses, *, is_last: bool) -> None:
        self.step = step
        self.number = number
        self.is_last = is_last
        self.failed = False
        self._retry_on = retry_on

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
