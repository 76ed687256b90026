"""Parameters that are encoded already: arrays in PostgreSQL's binary form."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from agenttrace_server import copy_binary


class _Array:
    """An array of elements that are encoded as for COPY BINARY; a subclass for each type, as psycopg asks for."""

    element_type: int
    array_type: int
    __slots__ = ("encoded",)

    def __init__(self, elements: Sequence[bytes]) -> None:
        self.encoded = copy_binary.array(self.element_type, elements)


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> Buffer:
        return obj.encoded


def _array_type(name: str) -> type[_Array]:
    info = psycopg.adapters.types[name]
    array = type(f"{name.capitalize()}Array", (_Array,), {"element_type": info.oid, "array_type": info.array_oid})
    psycopg.adapters.register_dumper(array, type(f"{name.capitalize()}Dumper", (_Dumper,), {"oid": info.array_oid}))
    return array


BoolArray = _array_type("bool")
ByteaArray = _array_type("bytea")
Int4Array = _array_type("int4")
IntervalArray = _array_type("interval")
JsonbArray = _array_type("jsonb")
TextArray = _array_type("text")
TimestamptzArray = _array_type("timestamptz")
UuidArray = _array_type("uuid")
