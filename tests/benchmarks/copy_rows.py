"""Encodes steps as rows for COPY BINARY, by the means of the product."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agenttrace.v1 import step_pb2
from agenttrace_server import copy_binary
from agenttrace_server.records import DEFAULT_PROJECT_ID

_KEY = ("project_id", "run_id", "step_id", "day")
# In the order of `tail`; columns that stand nowhere are null or have a default.
_OTHERS = (
    "sequence", "type", "name", "status", "attempt", "start_time", "end_time", "provider", "request_model",
    "response_model", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "input_token_semantics", "finish_reason", "time_to_first_token", "cost_micro_usd", "tool_name", "tool_call_id",
    "retrieval_source", "result_count", "parent_step_id", "retry_of_step_id", "attributes",
)  # fmt: skip
COPY = f"COPY agent_steps ({', '.join(_KEY + _OTHERS)}) FROM STDIN (FORMAT BINARY)"


class Head:
    """What stands first in a row: its key."""

    def __init__(self, days: int) -> None:
        self._before = copy_binary.row_header(len(_KEY) + len(_OTHERS)) + copy_binary.int4(DEFAULT_PROJECT_ID)
        self._after = copy_binary.date(days)

    def of(self, run_number: int, step_number: int) -> bytes:
        """The key of a step, its ids as numbers."""
        return b"".join((self._before, _uuid(run_number), _uuid(step_number), self._after))


def tail(step: step_pb2.Step) -> bytes:
    """The columns that are no key."""
    text, null = copy_binary.text, copy_binary.NULL
    return b"".join(
        (
            copy_binary.int4(step.sequence),
            text(step_pb2.StepType.Name(step.type).removeprefix("STEP_TYPE_")),
            text(step.name),
            text(step_pb2.StepStatus.Name(step.status).removeprefix("STEP_STATUS_")),
            copy_binary.int4(step.attempt),
            copy_binary.timestamptz(step.start_time.ToMicroseconds()),
            copy_binary.timestamptz(step.end_time.ToMicroseconds()),
            *_model_columns(step),
            *(null, null),  # the tool
            text(step.retrieval.source) if step.retrieval.source else null,
            copy_binary.int8(step.retrieval.result_count) if step.HasField("retrieval") else null,
            *(null, null),  # parent, first attempt
            copy_binary.jsonb(_attributes(step)),
        )
    )


def payloads(rows: Sequence[bytes], size: int) -> list[bytes]:
    """Whole COPYs of so many rows each, in the order of their keys: as fast as it gets."""
    batches = (sorted(rows[first : first + size]) for first in range(0, len(rows), size))
    return [copy_binary.HEADER + b"".join(batch) + copy_binary.TRAILER for batch in batches]


def _model_columns(step: step_pb2.Step) -> list[bytes]:
    """The columns from provider to cost_micro_usd."""
    if not step.HasField("model"):
        return [copy_binary.NULL] * 12
    model = step.model
    return [
        copy_binary.text(model.provider),
        copy_binary.text(model.request_model),
        copy_binary.text(model.response_model),
        copy_binary.int8(model.usage.input_tokens),
        copy_binary.int8(model.usage.output_tokens),
        *[copy_binary.NULL] * 4,
        copy_binary.text(model.finish_reason),
        copy_binary.NULL,
        copy_binary.int8(model.cost_micro_usd),
    ]


def _attributes(step: step_pb2.Step) -> str:
    values = {key: getattr(value, value.WhichOneof("value") or "") for key, value in step.attributes.items()}
    return json.dumps(values, sort_keys=True)


def _uuid(number: int) -> bytes:
    return b"\0\0\0\x10" + number.to_bytes(16, "big")
