"""Computes statistics from the tables, or from rollups where these are better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from psycopg import AsyncConnection

from agenttrace_server import limits
from agenttrace_server.stats_records import (
    FailureCounts,
    Group,
    GroupKey,
    RecoveredCount,
    RunCounts,
    StatsQuery,
    StatsReport,
    StepCounts,
)
from agenttrace_server.store import failures, run_selection, statements, stats_rollups, steps
from agenttrace_server.store.pool import Database
from agenttrace_server.store.reads import fetch

_SQL = statements.load("stats.sql")
_STEP_DIMENSIONS = frozenset({"STEP_TYPE", "MODEL", "TOOL"})
# Up to here the steps of the selected runs are found by key; beyond, their partitions are read.
_FEW_RUNS = 1000
# Groups times buckets: what fits into a message of 4 MiB with the longest names.
_GROUP_ROWS = 5000
RowT = TypeVar("RowT")


class StatsStore:
    """Statistics of a project's runs, all of one answer from one snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, project_id: int, query: StatsQuery) -> StatsReport:
        """Return the statistics; raise QueryTooExpensive where the tables hold too much."""
        async with self._database.transaction("get_stats", project_id) as connection:
            await connection.execute(_SQL["more_memory"])
            from_rollups = await stats_rollups.are_better(connection, query)
            source: _Source = await (stats_rollups.rollups if from_rollups else _tables)(connection, query)
            totals = await _groups(source, _Groupings())
            return StatsReport(
                totals=totals[0] if totals else Group(),
                groups=await _groups_asked_for(source, query),
                step_types=await source.fetch(StepCounts, "step_counts", **_STEP_TYPES._asdict()),
                failures=await source.fetch(FailureCounts, "failure_counts"),
                approximate=from_rollups,
            )


class _Source(Protocol):
    """What named statements count: the tables, or rollups. Both name their columns alike."""

    @property
    def params(self) -> dict[str, Any]:
        """The statements' parameters."""

    async def fetch(self, row: type[RowT], name: str, **fragments: str) -> list[RowT]:
        """Return the rows of a named statement."""

    def text(self, name: str, **fragments: str) -> str:
        """Return a named statement."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """The selected runs with their steps and failures, as fragments to read from."""

    connection: AsyncConnection
    fragments: Mapping[str, str]
    params: dict[str, Any]

    async def fetch(self, row: type[RowT], name: str, **fragments: str) -> list[RowT]:
        """Return the rows of a named statement over these tables."""
        return await fetch(self.connection, row, self.text(name, **fragments), self.params)

    def text(self, name: str, **fragments: str) -> str:
        """Return a named statement over these tables."""
        return _SQL[name].format(**{"runs": self.fragments["selected"], **self.fragments, **fragments})


class _Scope(NamedTuple):
    """The partitions that hold the selected runs' steps, and the runs' ids where they are few."""

    days: Sequence[Any]
    run_ids: Sequence[Any] | None


async def _tables(connection: AsyncConnection, query: StatsQuery) -> _Tables:
    conditions, params = run_selection.where(query.run_filter)
    selected = _SQL["selected"].format(conditions=conditions)
    params |= {"few_runs": _FEW_RUNS, "failures": limits.STATS_FAILURES, "bucket": query.bucket}
    found = (await fetch(connection, _Scope, _SQL["selection"].format(selected=selected), params))[0]
    await connection.execute(_SQL["without_statistics"], {"days": found.days})
    return _Tables(connection, _fragments(selected, few=found.run_ids is not None), params | found._asdict())


def _fragments(selected: str, *, few: bool) -> dict[str, str]:
    scope = _SQL["scope_of_few" if few else "scope"]
    fragments = {
        "recovered": failures.SQL["recovered"].format(last_success=_SQL["last_success"]),
        "first_attempt": failures.SQL["first_attempt"],
        "selected": selected,
        "scope": scope,
        "steps": _SQL["steps"].format(scope=scope),
        "successes": failures.SQL["successes"].format(scope=scope),
    }
    return fragments | {"failures": _SQL["failures"].format(**fragments)}


class _Grouping(NamedTuple):
    """What tells the rows of one statement apart, and which of the groups are wanted: expressions."""

    key: str = _SQL["nothing"]
    version: str = _SQL["nothing"]
    bucket: str = _SQL["no_bucket"]
    in_group: str = _SQL["everything"]


class _Groupings(NamedTuple):
    """The same groups as statements over runs see them, and as those over steps do."""

    of_runs: _Grouping = _Grouping()
    of_steps: _Grouping = _Grouping()
    # Where a run may be in several groups: the runs, each once for each of its groups.
    runs: str | None = None


_STEP_TYPES = _Grouping(key=_SQL["key_STEP_TYPE"])


def _groupings(source: _Source, query: StatsQuery) -> _Groupings:
    bucket = _SQL["bucket" if query.bucket else "no_bucket"]
    if query.dimension is None:
        grouping = _Grouping(bucket=bucket)
        return _Groupings(grouping, grouping)
    version = _SQL["version" if query.dimension == "AGENT_VERSION" else "nothing"]
    key = _SQL[f"key_{query.dimension}"].format(model=steps.MODEL, tool=steps.TOOL)
    of_steps = _named(key, version, bucket)
    if query.dimension not in _STEP_DIMENSIONS:
        return _Groupings(of_steps, of_steps)
    runs = source.text("runs_of_step_dimension", step_key=key)
    return _Groupings(_named(_SQL["step_key"], version, bucket), of_steps, runs)


def _named(key: str, version: str, bucket: str) -> _Grouping:
    return _Grouping(key, version, bucket, _SQL["has_key"].format(key=key))


def _in_top(grouping: _Grouping) -> _Grouping:
    return grouping._replace(in_group=_SQL["in_top"].format(key=grouping.key, version=grouping.version))


async def _groups(source: _Source, groupings: _Groupings) -> list[Group]:
    """Each group that has a run."""
    of_runs, of_steps = groupings.of_runs._asdict(), groupings.of_steps._asdict()
    runs = await source.fetch(RunCounts, "run_counts", **of_runs, **_runs(groupings))
    counts = {_key(row): row for row in await source.fetch(StepCounts, "step_counts", **of_steps)}
    recovered = {_key(row): row for row in await source.fetch(RecoveredCount, "recovered_counts", **of_steps)}
    no_steps, none_recovered = StepCounts(), RecoveredCount()
    return [
        Group(key, row, counts.get(key, no_steps), recovered.get(key, none_recovered).recovered_failure_count)
        for key, row in ((_key(row), row) for row in runs)
    ]


def _runs(groupings: _Groupings) -> dict[str, str]:
    return {} if groupings.runs is None else {"runs": groupings.runs}


def _key(row: RunCounts | StepCounts | RecoveredCount) -> GroupKey:
    return GroupKey(row.key, row.agent_version, row.bucket_start_time)


class _Name(NamedTuple):
    """What names a group, its bucket aside."""

    key: str
    agent_version: str


async def _groups_asked_for(source: _Source, query: StatsQuery) -> list[Group]:
    """The groups in their order: buckets by time, within each the groups by number of runs."""
    if query.dimension is None and query.bucket is None:
        return []
    groupings = _groupings(source, query)
    if query.dimension is None:
        return sorted(await _groups(source, groupings), key=lambda group: _place(group.key, {}))
    # As many groups as fit into an answer with all of their buckets.
    most = max(1, min(limits.STATS_GROUPS, _GROUP_ROWS // query.bucket_count))
    names = await _largest(source, groupings, most)
    if len(names) == most:
        source.params["names"] = [" ".join(name) for name in names]
        groupings = groupings._replace(of_runs=_in_top(groupings.of_runs), of_steps=_in_top(groupings.of_steps))
    ranks = {name: rank for rank, name in enumerate(names)}
    return sorted(await _groups(source, groupings), key=lambda group: _place(group.key, ranks))


async def _largest(source: _Source, groupings: _Groupings, most: int) -> list[_Name]:
    """The groups with the most runs."""
    source.params["groups"] = most
    grouping = groupings.of_runs
    return await source.fetch(_Name, "top", key=grouping.key, version=grouping.version, **_runs(groupings))


def _place(key: GroupKey, ranks: Mapping[_Name, int]) -> tuple[float, int]:
    name = _Name(key.key or "", key.agent_version or "")
    return (key.bucket_start_time.timestamp() if key.bucket_start_time else 0.0), ranks.get(name, 0)
