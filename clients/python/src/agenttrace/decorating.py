"""Turns a context manager into a decorator of any kind of function."""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, aclosing
from functools import partial, wraps
from typing import Any, TypeVar, cast

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Opener = Callable[[], AbstractContextManager[object]]


def decorate(function: Decorated, opener: Opener) -> Decorated:
    """Return the function with each of its calls inside a context that `opener` makes.

    A generator is inside from its first item to its end. A function that only returns an awaitable
    without being `async` itself is over when it returns.
    """
    called = _called(function)
    around = next((around for is_kind, around in _KINDS if is_kind(called)), _around_call)
    wrapper: Any = wraps(called)(around(function, opener))
    wrapper.__name__ = name_of(function) or wrapper.__name__
    return cast("Decorated", wrapper)


def name_of(function: Callable[..., Any]) -> str:
    """Return what a callable is called: a partial as its function, an object as its class."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that runs: of an object with `__call__` that method, which has its signature."""
    if isinstance(function, (partial, type)) or inspect.isroutine(function):
        return function
    called: Callable[..., Any] = function.__call__  # type: ignore[operator]
    return called


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
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        # There is no `yield from` here: what the consumer sends, throws or closes is handed on.
        with opener():
            async with aclosing(function(*args, **kwargs)) as items:
                coming = items.asend(None)
                while True:
                    try:
                        item = await coming
                    except StopAsyncIteration:
                        return
                    try:
                        coming = items.asend((yield item))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        coming = items.athrow(error)

    return call


_KINDS: tuple[tuple[Callable[[object], bool], Callable[[Callable[..., Any], Opener], Callable[..., Any]]], ...] = (
    (inspect.iscoroutinefunction, _around_coroutine),
    (inspect.isasyncgenfunction, _around_async_generator),
    (inspect.isgeneratorfunction, _around_generator),
)
