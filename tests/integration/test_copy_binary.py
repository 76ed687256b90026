"""Every column type, through PostgreSQL and back."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace_server import copy_binary
from agenttrace_server.store import parameters

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds it

CASES: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "text": (st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), copy_binary.text),
    "uuid": (st.uuids(), lambda value: copy_binary.uuid(str(value))),
    "integer": (st.integers(-(2**31), 2**31 - 1), copy_binary.int4),
    "bigint": (st.integers(-(2**63), 2**63 - 1), copy_binary.int8),
    "boolean": (st.booleans(), copy_binary.boolean),
    "timestamptz": (TIMES, lambda value: copy_binary.timestamptz((value - EPOCH) // MICROSECOND)),
    "interval": (
        st.timedeltas(timedelta(0), timedelta(days=7)),
        lambda value: copy_binary.interval(value // MICROSECOND),
    ),
    "date": (st.dates(), lambda value: copy_binary.date((value - date(1970, 1, 1)).days)),
    "jsonb": (st.integers(-(2**63), 2**63 - 1), lambda value: copy_binary.jsonb(str(value))),
}


@pytest.mark.parametrize("type_name", CASES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_value_comes_back_as_it_was_sent(connection: psycopg.Connection, type_name: str, data: st.DataObject) -> None:
    strategy, encode = CASES[type_name]
    values = data.draw(st.lists(st.none() | strategy, max_size=30))
    connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (n integer, v {type_name})")  # type: ignore[arg-type]
    rows = [
        copy_binary.row_header(2) + copy_binary.int4(n) + (copy_binary.NULL if value is None else encode(value))
        for n, value in enumerate(values)
    ]

    with connection.cursor().copy("COPY t FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(copy_binary.HEADER + b"".join(rows) + copy_binary.TRAILER)

    assert [value for (value,) in connection.execute("SELECT v FROM t ORDER BY n")] == values


def test_uuids_of_any_version_are_taken() -> None:
    value = str(uuid.UUID(int=2**128 - 1))

    assert copy_binary.uuid(value) == b"\0\0\0\x10" + b"\xff" * 16


@pytest.mark.parametrize(
    ("array", "encode", "values"),
    [
        (parameters.TextArray, copy_binary.text, ["a", "", "NULL", '{"x"}', "é"]),
        (parameters.Int4Array, copy_binary.int4, [-(2**31), 0, 2**31 - 1]),
        (parameters.BoolArray, copy_binary.boolean, [True, False]),
        (
            parameters.UuidArray,
            lambda value: copy_binary.uuid(str(value)),
            [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)],
        ),
        (parameters.TimestamptzArray, lambda value: copy_binary.timestamptz((value - EPOCH) // MICROSECOND), [EPOCH]),
        (parameters.IntervalArray, lambda value: copy_binary.interval(value // MICROSECOND), [timedelta(days=7)]),
        (parameters.JsonbArray, lambda value: copy_binary.jsonb(json.dumps(value)), [{"a": [1, None]}, {}]),
    ],
)
def test_an_array_of_values_comes_back_as_it_was_sent(
    connection: psycopg.Connection, array: Any, encode: Any, values: list[Any]
) -> None:
    for sent in ([], [None], values, [None, *values, None]):
        encoded = array([copy_binary.NULL if value is None else encode(value) for value in sent])

        assert connection.execute("SELECT %s", (encoded,)).fetchone() == (sent,)
