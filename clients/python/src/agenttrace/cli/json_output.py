"""Messages as JSON: field names of the contract, enums without prefix, times in RFC 3339."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agenttrace.showing.wording import enum_word

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from agenttrace.v1.query_service_pb2 import GetRunResponse

_WELL_KNOWN = {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def line(message: Message) -> str:
    """Return a message as one line."""
    return json.dumps(plain(message), ensure_ascii=False)


def document(told: Any) -> str:
    """Return dictionaries, lists and scalars as an indented document."""
    return json.dumps(told, ensure_ascii=False, indent=2)


def run_detail(detail: GetRunResponse) -> Any:
    """Return a whole run: without the token of a next page, since there is none."""
    return {name: value for name, value in plain(detail).items() if name != "next_page_token"}


def plain(message: Message) -> Any:
    """Return a message as dictionaries, lists and scalars.

    Every field is there except those that say by their absence that something is not known. Numbers are
    numbers (those of the contract fit a double), attributes plain scalars.
    """
    known: Any = message
    if message.DESCRIPTOR.full_name in _WELL_KNOWN:
        return known.ToJsonString()
    if message.DESCRIPTOR.full_name == "agenttrace.v1.AttributeValue":
        return getattr(message, known.WhichOneof("value") or "string_value")
    fields = message.DESCRIPTOR.fields
    return {
        field.name: _field(message, field) for field in fields if not field.has_presence or message.HasField(field.name)
    }


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if hasattr(value, "keys"):
        return {key: plain(value[key]) for key in sorted(value)}
    # By what it can do: how a descriptor says that it is repeated differs between releases of protobuf.
    if hasattr(value, "append"):
        return [_scalar(item, field) for item in value]
    return _scalar(value, field)


def _scalar(value: Any, field: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    return value if field.enum_type is None else enum_word(field.enum_type, value)
