"""Reads how a call has ended: its status code, and after how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from agenttrace_server.interceptors.handlers import Context

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


@asynccontextmanager
async def reporting(context: Context, report: Callable[[str, float], None]) -> AsyncIterator[None]:
    """Call `report` with the name of the status code and the seconds, however the block ends."""
    started = time.monotonic()
    code = None
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        code = "CANCELLED"
        raise
    finally:
        report(code or code_name(context), time.monotonic() - started)


def code_name(context: Context) -> str:
    """Return the name of a finished call's status code."""
    if context.cancelled():
        # The handler may have ended all the same: to it, a stream whose client has left is a stream that ends.
        return "CANCELLED"
    code = context.code()
    # grpc.aio holds the number where the servicer set none itself, and the enum where it did.
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES[code or 0]
