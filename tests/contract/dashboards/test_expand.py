"""What the tests take for Grafana's own expansion of variables and macros, by its documentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard_files import AllOf, TimeRange, expand

TIME = TimeRange(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), timedelta(hours=1), "5m")


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("$__time(c)", 'c AS "time"'),
        ("$__timeFilter(r.c)", "r.c BETWEEN '2026-01-02T02:04:05.000000Z' AND '2026-01-02T03:04:05.000000Z'"),
        ("$__timeFrom()::timestamptz", "'2026-01-02T02:04:05.000000Z'::timestamptz"),
        ("$__timeTo()", "'2026-01-02T03:04:05.000000Z'"),
        ("$__timeGroup(c,'5m')", "floor(extract(epoch from c)/300)*300"),
        ("$__timeGroupAlias(c,$__interval,0)", 'floor(extract(epoch from c)/300)*300 AS "time"'),
        ("$__interval $__interval_ms", "5m 300000"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1767319445 1767323045"),
    ],
)
def test_macros(sql: str, expanded: str) -> None:
    assert expand(sql, {}, TIME) == expanded


@pytest.mark.parametrize(
    ("sql", "value", "expanded"),
    [
        ("${v:sqlstring}", "a", "'a'"),
        ("${v:sqlstring}", "o'clock", "'o''clock'"),
        ("${v:sqlstring}", ["a", "b'"], "'a','b'''"),
        ("${v:sqlstring}", AllOf("'__all__'"), "'__all__'"),
        ("${v:sqlstring}", "", "''"),
        ("${v:csv}", ["a", "b"], "a,b"),
        ("${v:pipe}", ["a", "b"], "a|b"),
        ("$v", "a", "a"),
        ("$v", ["a", "b"], "'a','b'"),
    ],
)
def test_variables(sql: str, value: str | list[str], expanded: str) -> None:
    assert expand(sql, {"v": value}, TIME) == expanded


def test_an_unknown_macro_is_an_error() -> None:
    with pytest.raises(ValueError, match="no macro"):
        expand("$__timeFilters(c)", {}, TIME)
