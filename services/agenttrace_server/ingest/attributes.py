"""Turns attributes into JSON; a refused one is left out whole."""

from __future__ import annotations

from collections.abc import Mapping

from agenttrace.v1 import run_pb2
from agenttrace_server import limits
from agenttrace_server.ingest import values
from agenttrace_server.ingest.values import Refusal


def to_json(attributes: Mapping[str, run_pb2.AttributeValue], field: str, refused: list[Refusal]) -> str:
    """Return a JSON object with its members in the order of their keys, so that equal ones are spelt alike."""
    if not attributes:
        return "{}"
    if len(attributes) > limits.ATTRIBUTES:
        raise Refusal("TOO_LONG", field)
    members = []
    for key in sorted(attributes):
        try:
            members.append(f'"{key}": {_value(key, attributes[key], field)}')
        except Refusal as refusal:
            refused.append(refusal)
    return "{" + ", ".join(members) + "}"


def _value(key: str, value: run_pb2.AttributeValue, field: str) -> str:
    kind = value.WhichOneof("value")
    refusal = values.key_kind(key)
    if refusal == "INVALID_KEY" or (refusal and kind == "string_value"):
        raise Refusal(refusal, field)
    if kind == "int_value":
        return str(value.int_value)
    if kind == "string_value":
        # A token holds no character that JSON escapes.
        return f'"{values.required_token(value.string_value, field)}"'
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return values.double_json(value.double_value, field)
    raise Refusal("REQUIRED", field)
