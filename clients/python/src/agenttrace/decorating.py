"""Turns a context manager into a decorator of any kind of function."""

import inspect
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Opener = Callable[[], AbstractContextManager[object]]


def decorate(function: Decorated, opener: Opener) -> Decorated:
    """Return the function with each of its calls inside a context that `opener` makes.

    A generator is inside from its first item to its end.
    """
    around = next((around for is_kind, around in _KINDS if is_kind(function)), _around_call)
    wrapper: Any = wraps(function)(around(function, opener))
    return cast("Decorated", wrapper)


def _around_call(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with opener():
            return function(*args, **kwargs)

    return call


def _around_coroutine(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with opener():
            return await function(*args, **kwargs)

    return call


def _around_generator(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with opener():
            return (yield from function(*args, **kwargs))

    return call


def _around_async_generator(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with opener():
            async for item in function(*args, **kwargs):
                yield item

    return call


_KINDS: tuple[tuple[Callable[[object], bool], Callable[[Callable[..., Any], Opener], Callable[..., Any]]], ...] = (
    (inspect.iscoroutinefunction, _around_coroutine),
    (inspect.isasyncgenfunction, _around_async_generator),
    (inspect.isgeneratorfunction, _around_generator),
)
