"""Which parts of a time range the rollups can not answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agenttrace_server.store.stats_rollups import Span, missing

HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + hour * HOUR


def spans(start: float, stop: float, *dirty: float) -> list[tuple[datetime, datetime]]:
    whole = Span(at(-(-start // 1)), at(stop // 1))
    return [tuple(span) for span in missing(Span(at(start), at(stop)), whole, [at(hour) for hour in dirty])]


def test_whole_hours_are_all_there() -> None:
    assert spans(1, 4) == []


def test_parts_of_hours_are_missing() -> None:
    assert spans(0.5, 4.25) == [(at(0.5), at(1)), (at(4), at(4.25))]


def test_changed_hours_are_missing_and_joined_with_what_is_beside_them() -> None:
    assert spans(0.5, 9.25, 1, 3, 4, 8) == [(at(0.5), at(2)), (at(3), at(5)), (at(8), at(9.25))]


def test_a_range_within_an_hour_is_missing_as_a_whole() -> None:
    assert spans(0.25, 0.75) == [(at(0.25), at(0.75))]
    assert spans(0.25, 1.75) == [(at(0.25), at(1.75))]
