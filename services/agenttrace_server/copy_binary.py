"""Encodes column values as COPY … (FORMAT BINARY) takes them: a length, then the type's own binary form.

Written by hand, because no datetime, UUID or JSON object then stands between a message and its row. The forms
are those of PostgreSQL's `*recv` functions; a test sends every type through PostgreSQL and back.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

NULL: Final = b"\xff\xff\xff\xff"
# The file's signature, no flags, no extension; and its end.
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER: Final = b"\xff\xff"

# Microseconds and days from 1970-01-01 to PostgreSQL's own epoch, 2000-01-01.
EPOCH_MICROSECONDS: Final = 946_684_800_000_000
_EPOCH_DAYS: Final = 10_957

_pack_length = struct.Struct(">i").pack
_pack_int2 = struct.Struct(">h").pack
_pack_int4 = struct.Struct(">ii").pack
_pack_int8 = struct.Struct(">iq").pack
_pack_array = struct.Struct(">iiIii").pack
_pack_interval = struct.Struct(">iqii").pack


def row_header(column_count: int) -> bytes:
    """Return what stands before a row's columns."""
    return _pack_int2(column_count)


def text(value: str) -> bytes:
    """Return a text."""
    raw = value.encode()
    return _pack_length(len(raw)) + raw


def bytea(value: bytes) -> bytes:
    """Return a bytea."""
    return _pack_length(len(value)) + value


def uuid(value: str) -> bytes:
    """Return a uuid, of its canonical spelling."""
    return b"\0\0\0\x10" + bytes.fromhex(value.replace("-", ""))


def int4(value: int) -> bytes:
    """Return an integer."""
    return _pack_int4(4, value)


def int8(value: int) -> bytes:
    """Return a bigint."""
    return _pack_int8(8, value)


def boolean(value: bool) -> bytes:
    """Return a boolean."""
    return b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0"


def timestamptz(microseconds: int) -> bytes:
    """Return a timestamptz, of microseconds since 1970-01-01 UTC."""
    return _pack_int8(8, microseconds - EPOCH_MICROSECONDS)


def interval(microseconds: int) -> bytes:
    """Return an interval of microseconds, without days or months."""
    return _pack_interval(16, microseconds, 0, 0)


def date(days: int) -> bytes:
    """Return a date, of days since 1970-01-01."""
    return _pack_int4(4, days - _EPOCH_DAYS)


def jsonb(value: str) -> bytes:
    """Return a jsonb, of its text."""
    raw = value.encode()
    return _pack_length(len(raw) + 1) + b"\x01" + raw


def array(element_type: int, elements: Sequence[bytes]) -> bytes:
    """Return an array of one dimension, of its elements as encoded here and its type's OID: what a parameter takes."""
    return _pack_array(1, 1, element_type, len(elements), 1) + b"".join(elements)
