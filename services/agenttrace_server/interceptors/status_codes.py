"""Reads the status a call has ended with."""

from __future__ import annotations

import grpc

from agenttrace_server.interceptors.handlers import Context

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def code_name(context: Context) -> str:
    """Return the name of a finished call's status code."""
    code = context.code()
    # grpc.aio holds the number where the servicer set none itself, and the enum where it did.
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES[code or 0]
