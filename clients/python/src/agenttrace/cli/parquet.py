"""Exports as Parquet: one row a run, its steps and failures as lists of structures in it.

Columns are the fields of the contract: those of a run and of its summary side by side, enums as words,
durations as seconds, attributes as text under their keys.
"""

from __future__ import annotations

import importlib.util
import struct
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from agenttrace.cli.json_output import plain
from agenttrace.errors import InvalidValueError
from agenttrace.showing.wording import enum_word
from agenttrace.v1.query_service_pb2 import GetRunResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Set
    from pathlib import Path

_HINT = "parquet needs pyarrow: pip install 'agenttrace-client[parquet]'"
_ROWS_AT_ONCE = 500
# Parts whose fields stand among those of what holds them.
_FLATTENED = frozenset(f"agenttrace.v1.{name}" for name in ("Run", "RunSummary", "RunCompleteness", "Failure"))
_LEFT_OUT = frozenset({"next_page_token"})
_BESIDE_THE_RUN = frozenset({"steps", "failures", "completeness"})
# By the numbers that descriptors have for kinds of scalars.
_SCALARS = {1: "int32", 2: "int64", 5: "float64", 7: "bool_", 9: "string"}


def require() -> None:
    """Raise InvalidValueError where pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise InvalidValueError(_HINT)


def convert(part: Path, target: Path, *, runs_only: bool) -> None:
    """Write the rows of a part as a Parquet file."""
    arrow, files = import_module("pyarrow"), import_module("pyarrow.parquet")
    left_out = _LEFT_OUT | _BESIDE_THE_RUN if runs_only else _LEFT_OUT
    schema = arrow.schema(list(_fields(arrow, GetRunResponse(), left_out)))
    rows = (_row(message, left_out) for message in messages(part))
    with files.ParquetWriter(target, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(batch, schema))


def messages(part: Path) -> Iterator[GetRunResponse]:
    """Yield the messages of a part, each behind its length."""
    with part.open("rb") as file:
        while head := file.read(4):
            yield GetRunResponse.FromString(file.read(struct.unpack(">I", head)[0]))


def _fields(arrow: Any, message: Any, left_out: Set[str] = frozenset()) -> Iterator[Any]:
    for field in message.DESCRIPTOR.fields:
        if field.name in left_out:
            continue
        value = getattr(message, field.name)
        if _is_flattened(field):
            yield from (made for made in _fields(arrow, value) if not _is_told_twice(field, made.name))
        elif hasattr(value, "keys"):
            yield arrow.field(field.name, arrow.map_(arrow.string(), arrow.string()))
        elif hasattr(value, "append"):
            yield arrow.field(field.name, arrow.list_(_type(arrow, field)))
        else:
            yield arrow.field(field.name, _type(arrow, field))


def _type(arrow: Any, field: Any) -> Any:
    if field.message_type is None:
        return arrow.string() if field.enum_type else getattr(arrow, _SCALARS[field.cpp_type])()
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return arrow.timestamp("us", tz="UTC")
    if field.message_type.full_name == "google.protobuf.Duration":
        return arrow.float64()
    return arrow.struct(list(_fields(arrow, field.message_type._concrete_class())))


def _row(message: Any, left_out: Set[str] = frozenset()) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.name in left_out:
            continue
        value = getattr(message, field.name)
        if _is_flattened(field):
            row |= {name: part for name, part in _row(value).items() if not _is_told_twice(field, name)}
        elif hasattr(value, "keys"):
            row[field.name] = [(key, _text(value[key])) for key in sorted(value)]
        elif hasattr(value, "append"):
            row[field.name] = [_scalar(item, field) for item in value]
        else:
            absent = field.has_presence and not message.HasField(field.name)
            row[field.name] = None if absent else _scalar(value, field)
    return row


def _scalar(value: Any, field: Any) -> Any:
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    if field.message_type is None:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return value.ToMicroseconds()
    if field.message_type.full_name == "google.protobuf.Duration":
        return value.ToNanoseconds() / 1e9
    return _row(value)


def _is_flattened(field: Any) -> bool:
    return field.message_type is not None and field.message_type.full_name in _FLATTENED


def _is_told_twice(field: Any, name: str) -> bool:
    return field.name == "completeness" and name == "expected_step_count"


def _text(value: Any) -> str:
    told = plain(value)
    return str(told).lower() if isinstance(told, bool) else str(told)
