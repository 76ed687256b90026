"""The stored spelling of enum values: their names without the prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agenttrace.v1 import failure_pb2, run_pb2, step_pb2
from agenttrace_server import copy_binary
from agenttrace_server.ingest.values import Refusal


def _names(enum: Any, *refused: str) -> dict[int, str]:
    """An enum's values by number, without `_UNSPECIFIED` and what clients may not send."""
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    names = {number: name.removeprefix(prefix) for name, number in enum.items() if number}
    return {number: name for number, name in names.items() if name not in refused}


def _encoded(enum: Any, *refused: str) -> dict[int, bytes]:
    return {number: copy_binary.text(name) for number, name in _names(enum, *refused).items()}


RUN_STATUS = _encoded(run_pb2.RunStatus, "ABANDONED")
STEP_TYPE = _encoded(step_pb2.StepType)
STEP_STATUS = _encoded(step_pb2.StepStatus)
TOKEN_SEMANTICS = _encoded(step_pb2.InputTokenSemantics)
FAILURE_TYPE = _encoded(failure_pb2.FailureType)


def stored(value: int, names: Mapping[int, bytes], field: str) -> bytes:
    """Return the stored spelling of a value. Raises Refusal."""
    found = names.get(value)
    if found is None:
        raise Refusal("INVALID_ENUM" if value else "REQUIRED", field)
    return found
