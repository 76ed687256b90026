"""Reads statistics from the hourly rollups, and what these do not have yet from the tables, in the same form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from agenttrace_server import limits
from agenttrace_server.errors import QueryTooExpensive
from agenttrace_server.stats_records import StatsQuery
from agenttrace_server.store import run_selection, statements
from agenttrace_server.store.histograms import percentiles
from agenttrace_server.store.reads import conjunction, fetch

_SQL = statements.load("stats_rollups.sql")
_TABLES = ("run_stats", "step_stats", "failure_stats")
_FILTERS = ("agent_ids", "agent_versions", "environments")
_DURATIONS = {"run_counts": "run_durations", "step_counts": "step_durations"}
# What the tables answer within 100 ms is answered exactly.
_FEW_RUNS = 1000
_FEW_STEPS = 20_000
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_OF_TABLES = timedelta(days=limits.STATS_TABLE_DAYS)
RowT = TypeVar("RowT")


class Span(NamedTuple):
    """A span of time, its end not included."""

    start: datetime
    stop: datetime


@dataclass(frozen=True, slots=True)
class Rollups:
    """The selected groups of runs with their steps and failures, as statements to read from."""

    connection: AsyncConnection
    fragments: Mapping[str, str]
    params: dict[str, Any]

    async def fetch(self, row: type[RowT], name: str, **fragments: str) -> list[RowT]:
        """Return the rows of a named statement, with percentiles where they have some."""
        rows = await fetch(self.connection, row, self.text(name, **fragments), self.params)
        if name not in _DURATIONS:
            return rows
        durations = _DURATIONS[name]
        sql = self.text("histograms", durations=self.text(durations), **fragments)
        found = await fetch(self.connection, _Histogram, sql, self.params)
        measured = {histogram.group: percentiles(histogram.buckets, histogram.counts) for histogram in found}
        return [dataclasses.replace(r, **{durations: measured.get(_group(r))}) for r in rows]  # type: ignore[type-var]

    def text(self, name: str, **fragments: str) -> str:
        """Return a named statement over these rollups."""
        return _SQL[name].format(**self.fragments, **fragments)


@dataclass(frozen=True, slots=True)
class _Histogram:
    """The durations of one group."""

    key: str | None
    agent_version: str | None
    bucket_start_time: datetime | None
    buckets: Sequence[int]
    counts: Sequence[int]

    @property
    def group(self) -> tuple[Any, ...]:
        return _group(self)


def _group(row: Any) -> tuple[Any, ...]:
    return row.key, row.agent_version, row.bucket_start_time


async def are_better(connection: AsyncConnection, query: StatsQuery) -> bool:
    """Whether to read the rollups: they have what is asked for, and the tables would take long."""
    if query.is_long or not query.fits_rollups:
        return query.fits_rollups
    conditions, params = run_selection.where(query.run_filter)
    sql = _SQL["size"].format(conditions=conditions)
    size = (await fetch(connection, _Size, sql, params | {"most": _FEW_RUNS + 1}))[0]
    return size.run_count > _FEW_RUNS or size.step_count > _FEW_STEPS


@dataclass(frozen=True, slots=True)
class _Size:
    run_count: int
    step_count: int


async def rollups(connection: AsyncConnection, query: StatsQuery) -> Rollups:
    """Return what to read the statistics from; raise QueryTooExpensive where too many hours are not rolled up."""
    start, stop = query.run_filter.start_time_from, query.run_filter.start_time_before
    assert start is not None
    assert stop is not None
    # The hours that are in the range as a whole.
    whole = Span(_EPOCH - (_EPOCH - start) // _HOUR * _HOUR, _EPOCH + (stop - _EPOCH) // _HOUR * _HOUR)
    filters = {name: list(getattr(query.run_filter, name)) for name in _FILTERS}
    params: dict[str, Any] = {"hour_from": whole.start, "hour_before": whole.stop, "bucket": query.bucket, **filters}
    dirty = await _dirty_hours(connection, params)
    spans = missing(Span(start, stop), whole, dirty)
    params |= {"dirty": dirty, "failures": limits.STATS_FAILURES} | await _computed(connection, spans, params)
    conditions = conjunction([_SQL[f"where_{name}"] for name in _FILTERS if filters[name]])
    fragments = {table: _SQL["rows"].format(table=table, conditions=conditions) for table in _TABLES}
    return Rollups(connection, fragments, params)


async def _dirty_hours(connection: AsyncConnection, params: Mapping[str, Any]) -> list[datetime]:
    most = _DAYS_OF_TABLES // _HOUR
    found = await fetch(connection, _Hour, _SQL["dirty_hours"], {**params, "most": most + 1})
    if len(found) > most:
        raise QueryTooExpensive  # the maintain process stands still
    return [row.hour for row in found]


@dataclass(frozen=True, slots=True)
class _Hour:
    hour: datetime


def missing(asked: Span, whole: Span, dirty: Sequence[datetime]) -> list[Span]:
    """Return the spans that the rollups can not answer: parts of hours, and hours that were changed since."""
    if whole.start >= whole.stop:
        return [asked]
    spans = [
        Span(asked.start, whole.start),
        *(Span(hour, hour + _HOUR) for hour in dirty),
        Span(whole.stop, asked.stop),
    ]
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].stop == span.start:
            joined[-1] = Span(joined[-1].start, span.stop)
        else:
            joined.append(span)
    return [span for span in joined if span.start < span.stop]


async def _computed(connection: AsyncConnection, spans: Sequence[Span], params: Mapping[str, Any]) -> dict[str, Jsonb]:
    """The rows of each rollup that are missing, as a parameter of its name."""
    places = {"froms": [span.start for span in spans], "befores": [span.stop for span in spans]}
    found = {}
    for table in _TABLES:
        rows = await fetch(connection, _Computed, _SQL["compute"].format(table=table), {**params, **places})
        found[table] = Jsonb(rows[0].computed)
    return found


@dataclass(frozen=True, slots=True)
class _Computed:
    computed: list[Any]
