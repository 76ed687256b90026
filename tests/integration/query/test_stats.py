"""Statistics equal what a recount in Python of the same rows gives."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from agenttrace_server.read_records import FailureFilter, FailureSelection, RunFilter
from agenttrace_server.stats_records import Group, StatsQuery, StatsReport
from agenttrace_server.store.failures import FailureStore
from agenttrace_server.store.reads import ReadDatabase
from agenttrace_server.store.stats import StatsStore

HOUR = timedelta(hours=1)
STATUSES = ["SUCCESS", "FAILURE", "PARTIAL", "CANCELLED", "ABANDONED", "RUNNING"]


@dataclass
class Step:
    step_id: UUID
    columns: dict[str, Any]
    seconds: float


@dataclass
class Failure:
    step: Step | None
    columns: dict[str, Any]
    occur: float
    recovered: bool


@dataclass
class Run:
    """A run as it was made, to be counted again."""

    run_id: UUID
    columns: dict[str, Any]
    start: float
    seconds: float | None
    steps: list[Step] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def make(rows: Any, count: int) -> list[Run]:
    dice = random.Random(11)
    return [_make_run(rows, dice) for _ in range(count)]


def _make_run(rows: Any, dice: random.Random) -> Run:
    status = dice.choice(STATUSES)
    columns = {
        "agent_id": dice.choice(["support", "billing", None]),
        "agent_version": dice.choice(["1", "2", None]),
        "environment": dice.choice(["staging", None]),
        "status": status,
        "session_id": dice.choice(["s-1", None]),
    }
    start, seconds = dice.randrange(4 * 3600), None if status in ("RUNNING", "ABANDONED") else dice.randrange(100)
    made = Run(rows.run(start, seconds=seconds, **columns), columns, start, seconds)
    for sequence in range(dice.randrange(5)):
        _make_step(rows, dice, made, sequence)
    if dice.random() < 0.2:
        _make_failure(rows, dice, made, None, recovered=False)
    return made


def _make_step(rows: Any, dice: random.Random, made: Run, sequence: int) -> None:
    """A step, now and then tried again until it works or not."""
    kind, attempts = dice.choice(["TOOL", "MODEL", "PLAN"]), dice.choice([1, 1, 1, 2, 3])
    ok = dice.random() < 0.7
    shared = {"type": kind, "name": dice.choice(["search", "draft"]), "sequence": sequence}
    shared |= {"tool_name": dice.choice(["search.v2", None])} if kind == "TOOL" else {}
    shared |= (
        {"request_model": dice.choice(["m-1", None]), "response_model": dice.choice(["m-1-x", None])}
        if kind == "MODEL"
        else {}
    )
    first = uuid4()
    for attempt in range(1, attempts + 1):
        last = attempt == attempts
        told = {"attempt": attempt, "status": "OK" if last and ok else "ERROR", "input_tokens": dice.choice([None, 7])}
        told |= {"output_tokens": dice.choice([None, 3]), "cost_micro_usd": dice.choice([None, 11])}
        told |= {"step_id": first} if attempt == 1 else {"retry_of_step_id": first}
        seconds = dice.randrange(50) / 10
        step = Step(rows.step(made.run_id, made.start, seconds=seconds, **shared, **told), shared | told, seconds)
        made.steps.append(step)
        if step.columns["status"] == "ERROR":
            _make_failure(rows, dice, made, step, recovered=not last and ok)


def _make_failure(rows: Any, dice: random.Random, made: Run, step: Step | None, *, recovered: bool) -> None:
    columns = {"type": dice.choice(["TOOL", "MODEL"]), "code": dice.choice(["timeout", "refused"])}
    occur = made.start + dice.randrange(9)
    rows.failure(made.run_id, step.step_id if step else None, occur, **columns)
    made.failures.append(Failure(step, columns, occur, recovered))


def percentiles(seconds: Sequence[float]) -> list[timedelta] | None:
    """The smallest value that so many of a hundred do not pass."""
    ordered = sorted(seconds)
    return (
        [timedelta(seconds=ordered[math.ceil(len(ordered) * p / 100) - 1]) for p in (50, 90, 95, 99)] or None
        if ordered
        else None
    )


def expected_counts(runs: Sequence[Run], steps: Sequence[Step], recovered: int) -> dict[str, Any]:
    statuses = Counter(run.columns["status"] for run in runs)
    durations = [run.seconds for run in runs if run.seconds is not None]
    total: Callable[[str], int] = lambda name: sum(step.columns[name] or 0 for step in steps)  # noqa: E731
    return {
        "run_count": len(runs),
        **{f"{status.lower()}_count": statuses[status] for status in STATUSES},
        "run_duration_count": len(durations),
        "run_durations": percentiles(durations),
        "step_count": len(steps),
        "failed_step_count": sum(step.columns["status"] == "ERROR" for step in steps),
        "retry_count": sum(step.columns["attempt"] > 1 for step in steps),
        "step_durations": percentiles([step.seconds for step in steps]),
        "input_tokens": total("input_tokens"),
        "output_tokens": total("output_tokens"),
        "cost_micro_usd": total("cost_micro_usd"),
        "recovered_failure_count": recovered,
    }


def counted(group: Group) -> dict[str, Any]:
    names = expected_counts([], [], 0)
    found = {name: getattr(group.runs, name, getattr(group.steps, name, None)) for name in names}
    return found | {"recovered_failure_count": group.recovered_failure_count}


def recount(runs: Iterable[Run]) -> dict[str, Any]:
    runs = list(runs)
    recovered = sum(failure.recovered for run in runs for failure in run.failures)
    return expected_counts(runs, [step for run in runs for step in run.steps], recovered)


def recount_by_step(runs: Iterable[Run], key_of: Callable[[Step], str | None]) -> dict[str, dict[str, Any]]:
    """By a key of steps: the runs that have such a step, and only these steps."""
    groups: dict[str, tuple[list[Run], list[Step], list[Failure]]] = defaultdict(lambda: ([], [], []))
    for run in runs:
        for key in {key_of(step) for step in run.steps} - {None}:
            assert key is not None
            groups[key][0].append(run)
            groups[key][1].extend(step for step in run.steps if key_of(step) == key)
            groups[key][2].extend(f for f in run.failures if f.step and key_of(f.step) == key)
    return {key: expected_counts(r, s, sum(f.recovered for f in failed)) for key, (r, s, failed) in groups.items()}


def report(
    read: Any, rows: Any, dimension: str | None = None, bucket: timedelta | None = None, **fields: Any
) -> StatsReport:
    span = {"start_time_from": rows.at(0), "start_time_before": rows.at(4 * 3600)}

    async def act(database: ReadDatabase) -> StatsReport:
        return await StatsStore(database).report(1, StatsQuery(RunFilter(**(span | fields)), dimension, bucket))

    found: StatsReport = read(act)
    return found


def by(runs: Iterable[Run], key_of: Callable[[Run], Hashable]) -> dict[Any, list[Run]]:
    groups: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        groups[key_of(run)].append(run)
    return groups


def step_type(step: Step) -> str:
    return str(step.columns["type"])


def model(step: Step) -> str | None:
    told = step.columns.get("response_model") or step.columns.get("request_model")
    return told or ("" if step.columns["type"] == "MODEL" else None)


def tool(step: Step) -> str | None:
    return step.columns.get("tool_name") or (step.columns["name"] if step.columns["type"] == "TOOL" else None)


@pytest.mark.parametrize("few_runs", [1000, 0])
def test_statistics_equal_a_recount(read: Any, rows: Any, monkeypatch: Any, few_runs: int) -> None:
    """Totals, every dimension, types of steps and failures; with the steps found by key, and by partition."""
    monkeypatch.setattr("agenttrace_server.store.stats._FEW_RUNS", few_runs)
    runs = make(rows, 60)

    found = report(read, rows)

    assert counted(found.totals) == recount(runs)
    assert found.groups == []
    _assert_step_types(found, runs)
    _assert_failures(found, runs)
    for dimension, key_of in [
        ("AGENT", lambda run: (run.columns["agent_id"] or "", None)),
        ("AGENT_VERSION", lambda run: (run.columns["agent_id"] or "", run.columns["agent_version"] or "")),
        ("ENVIRONMENT", lambda run: (run.columns["environment"] or "production", None)),
    ]:
        groups = report(read, rows, dimension).groups
        expected = {key: recount(members) for key, members in by(runs, key_of).items()}
        assert {(group.key.key, group.key.agent_version): counted(group) for group in groups} == expected
        assert [group.runs.run_count for group in groups] == sorted(
            (g["run_count"] for g in expected.values()), reverse=True
        )
    for dimension, key_of_step in [("STEP_TYPE", step_type), ("MODEL", model), ("TOOL", tool)]:
        groups = report(read, rows, dimension).groups
        assert {group.key.key: counted(group) for group in groups} == recount_by_step(runs, key_of_step)


def _assert_step_types(found: StatsReport, runs: list[Run]) -> None:
    steps = recount_by_step(runs, step_type)
    names = ("step_count", "failed_step_count", "retry_count", "step_durations")
    assert {counts.key: {name: getattr(counts, name) for name in names} for counts in found.step_types} == {
        key: {name: counts[name] for name in names} for key, counts in steps.items()
    }


def _assert_failures(found: StatsReport, runs: list[Run]) -> None:
    groups: dict[tuple[str, ...], list[tuple[Run, Failure]]] = defaultdict(list)
    for run in runs:
        told = (run.columns["agent_id"] or "", run.columns["agent_version"] or "")
        for failure in run.failures:
            groups[(failure.columns["type"], failure.columns["code"], *told)].append((run, failure))
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    assert {(f.type, f.code, f.agent_id, f.agent_version): f for f in found.failures}.keys() == groups.keys()
    for counts in found.failures:
        members = groups[counts.type, counts.code, counts.agent_id, counts.agent_version]
        occurred = [begin + timedelta(seconds=failure.occur) for _, failure in members]
        assert counts.failure_count == len(members)
        assert counts.recovered_failure_count == sum(failure.recovered for _, failure in members)
        assert counts.run_count == len({run.run_id for run, _ in members})
        assert (counts.first_occur_time, counts.last_occur_time) == (min(occurred), max(occurred))


def test_time_buckets_equal_a_recount(read: Any, rows: Any) -> None:
    """Alone and with a dimension; in order of time, and within a bucket by number of runs over all."""
    runs = make(rows, 40)
    bucket = timedelta(minutes=50)
    start_of: Callable[[Run], datetime] = lambda run: datetime.fromtimestamp(  # noqa: E731
        rows.at(run.start).timestamp() // bucket.total_seconds() * bucket.total_seconds(), UTC
    )

    alone = report(read, rows, None, bucket).groups
    by_agent = report(read, rows, "AGENT", bucket).groups

    assert [(g.key.bucket_start_time, counted(g)) for g in alone] == [
        (start, recount(members)) for start, members in sorted(by(runs, start_of).items())
    ]
    expected = by(runs, lambda run: (start_of(run), run.columns["agent_id"] or ""))
    assert {(g.key.bucket_start_time, g.key.key): counted(g) for g in by_agent} == {
        key: recount(members) for key, members in expected.items()
    }
    size = Counter(run.columns["agent_id"] or "" for run in runs)
    ranked = sorted(size, key=lambda agent: (-size[agent], agent))
    order = [(g.key.bucket_start_time, ranked.index(g.key.key or "")) for g in by_agent]
    assert order == sorted(order)


def test_filters_and_the_range_select_what_is_counted(read: Any, rows: Any) -> None:
    runs = make(rows, 40)
    rows.run(-1)
    rows.run(4 * 3600)

    for fields, wanted in [
        ({"agent_ids": ["support", "nobody"]}, lambda run: run.columns["agent_id"] == "support"),
        (
            {"session_id": "s-1", "statuses": ["FAILURE", "SUCCESS"]},
            lambda run: run.columns["session_id"] and run.columns["status"] in ("FAILURE", "SUCCESS"),
        ),
        ({"failure_codes": ["refused"]}, lambda run: any(f.columns["code"] == "refused" for f in run.failures)),
        ({"start_time_from": rows.at(3600)}, lambda run: run.start >= 3600),
    ]:
        assert counted(report(read, rows, **fields).totals) == recount(run for run in runs if wanted(run))


def test_nothing_gives_nothing(read: Any, rows: Any) -> None:
    found = report(read, rows, "AGENT", HOUR)

    assert counted(found.totals) == recount([])
    assert (found.groups, found.step_types, found.failures) == ([], [], [])


def test_the_100_groups_with_the_most_runs_are_given(read: Any, rows: Any) -> None:
    for number in range(105):
        for second in range(2 if number >= 3 else 1):
            rows.run(second, agent_id=f"agent-{number:03}")

    groups = report(read, rows, "AGENT").groups

    assert len(groups) == 100
    assert {group.runs.run_count for group in groups} == {2}


def test_groups_with_many_buckets_are_fewer(read: Any, rows: Any) -> None:
    """Groups times buckets stay below what fits into an answer: here 5000 / 241 of them."""
    for number in range(30):
        rows.run(0, agent_id=f"agent-{number:03}")

    assert len(report(read, rows, "AGENT", timedelta(minutes=1)).groups) == 20


def test_sums_that_no_answer_can_hold_stop_at_the_largest(read: Any, rows: Any) -> None:
    for _ in range(2):
        rows.connection.execute("ALTER TABLE agent_steps DISABLE TRIGGER USER")
        rows.step(rows.run(0), cost_micro_usd=2**62 + 1)

    assert report(read, rows).totals.steps.cost_micro_usd == 2**63 - 1


def test_recovered_means_the_same_as_in_listings(read: Any, rows: Any) -> None:
    make(rows, 40)

    async def act(database: ReadDatabase) -> int:
        selection = FailureSelection(failure_filter=FailureFilter(recovered=True))
        return len((await FailureStore(database).page(1, selection, None, 200)).rows)

    assert report(read, rows).totals.recovered_failure_count == read(act) > 0
