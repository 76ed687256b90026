"""What people type: times, spans and attributes, read alike from a flag and from an address."""

from __future__ import annotations

import datetime as dt

import pytest

from agenttrace import InvalidValueError
from agenttrace.showing.values import attribute, moment, moment_before, span

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", dt.timedelta(seconds=90)),
        ("2w", dt.timedelta(weeks=2)),
        ("2026-01-31", dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        ("2026-01-31T12:00", NOW),
        ("2026-01-31T14:00+02:00", NOW),
    ],
)
def test_a_time_is_told_as_itself_or_as_how_long_ago(text: str, time: dt.datetime | dt.timedelta) -> None:
    assert moment(text) == time


def test_how_long_ago_is_counted_back_from_a_time() -> None:
    assert moment_before("24h", NOW) == NOW - dt.timedelta(days=1)
    assert moment_before("2026-01-31", NOW) == NOW - dt.timedelta(hours=12)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "5", "-1h", "1.5h", "٣h", "999999w", "0001-01-01T00:00+14:00", "2026-13-01", "24 h"]
)
def test_what_is_no_time_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        moment(text)

    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("1.5s", 1.5), ("10m", 600.0), ("2h", 7200.0), ("1d", 86_400.0)]
)
def test_a_span_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert span(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "long", "-1s", "٣s", "1,5s", "1.5 s", "999999999w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        span(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("region=eu", ("region", "eu")),
        ("rows=3", ("rows", 3)),
        ("share=0.5", ("share", 0.5)),
        ("cached=true", ("cached", True)),
        ("query=a=b", ("query", "a=b")),
    ],
)
def test_an_attribute_is_a_key_and_its_value(text: str, pair: tuple[str, object]) -> None:
    assert attribute(text) == pair


@pytest.mark.parametrize("text", ["", "region", "=eu"])
def test_an_attribute_without_a_key_or_a_sign_between_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        attribute(text)
