"""How long reads take at a month's volume, and how fast a whole listing goes."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from agenttrace.v1 import query_service_pb2 as pb
from agenttrace.v1.query_service_pb2_grpc import QueryServiceStub
from benchmarks import stored_data
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Goal, percentile
from benchmarks.sections.filters import FILTERS, RANGES, Filter

METHOD = (
    "BENCH_STEPS steps (1,000,000; with BENCH_LARGE=1 20,000,000) in runs of twelve, spread over the past 30 days "
    "and their partitions, after VACUUM ANALYZE and one round of maintenance. One caller, one call at a time, as it "
    "sees it: ListRuns until its first chunk (100 runs), GetRun of random runs, GetStats. Up to 200 calls or 2 s for "
    "each filter, with changing values."
)
_WARM_UP_CALLS, _CALLS, _SECONDS = 3, 200, 2.0
_STATS_CALLS, _STATS_SECONDS = 20, 4.0
_LISTING_SECONDS = 15.0
_CHUNK_RUNS = 100


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    product = bench.loaded_product()
    goal = Goal(at_most=30 if bench.large else 20)
    with grpc.insecure_channel(product.query) as channel:
        query = QueryServiceStub(channel)
        ids = itertools.cycle(stored_data.run_ids(product.database_url, 500))
        figures = [_list_figure(query, one, goal) for one in FILTERS]
        figures += _figures("GetRun", lambda _: query.GetRun(pb.GetRunRequest(run_id=next(ids))), goal)
        for name, seconds in RANGES.items():
            figures += _stats_figures(query, name, seconds)
        figures.append(_listing(query))
    return figures


def _list_figure(query: Any, one: Filter, goal: Goal) -> Figure:
    def first_chunk(number: int) -> int:
        # With a limit the server ends the call, as for a reader of pages; without, it would read on for nothing.
        request = pb.ListRunsRequest(filter=one.of(number), page_size=_CHUNK_RUNS, limit=_CHUNK_RUNS)
        call = query.ListRuns(request)
        first = next(call, pb.ListRunsResponse())
        call.cancel()
        return len(first.runs)

    indexed = "indexed" if one.indexed else "not indexed"
    _, slowest = _figures(f"ListRuns: {one.name}", first_chunk, goal if one.indexed else None, note=indexed)
    return slowest


def _stats_figures(query: Any, name: str, seconds: float) -> list[Figure]:
    def get_stats(_: int) -> None:
        request = pb.GetStatsRequest()
        request.filter.start_time_range.start_time.FromMicroseconds(int((time.time() - seconds) * 1e6))
        query.GetStats(request, timeout=30)

    goal = Goal(at_most=200) if name == "24 h" else None
    return _figures(f"GetStats {name}", get_stats, goal, calls=_STATS_CALLS, seconds=_STATS_SECONDS)


def _figures(
    name: str,
    call: Callable[[int], object],
    goal: Goal | None,
    *,
    note: str = "",
    calls: int = _CALLS,
    seconds: float = _SECONDS,
) -> list[Figure]:
    """The median and the 99th percentile of a call, in milliseconds."""
    milliseconds, errors, found = _timed(call, calls, seconds)
    if not milliseconds:
        nothing = f"no answer: {dict(errors)}"
        return [Figure(name=f"{name} {which}", unit="ms", samples=[math.nan], note=nothing) for which in ("p50", "p99")]
    p50 = percentile(milliseconds, 50)
    facts = [note, f"{len(milliseconds)} calls", f"p50 {p50:.1f} ms", str(dict(errors)) if errors else "", found]
    return [
        Figure(name=f"{name} p50", unit="ms", samples=[p50]),
        Figure(
            name=f"{name} p99",
            unit="ms",
            samples=[percentile(milliseconds, 99)],
            goal=goal,
            note=", ".join(filter(None, facts)),
            details={"p50": p50, "longest": max(milliseconds), "calls": len(milliseconds)},
        ),
    ]


def _timed(call: Callable[[int], object], calls: int, seconds: float) -> tuple[list[float], Counter[str], str]:
    """Milliseconds of each call that was answered, errors by code, and how many runs came."""
    milliseconds: list[float] = []
    errors: Counter[str] = Counter()
    results: list[int] = []
    until = math.inf
    for number in range(-_WARM_UP_CALLS, calls):
        began = time.perf_counter()
        if number == 0:
            until = began + seconds
        if began > until:
            break
        try:
            result = call(number)
        except grpc.RpcError as error:
            errors[error.code().name] += 1
            continue
        if number >= 0:
            milliseconds.append((time.perf_counter() - began) * 1000)
        if isinstance(result, int):
            results.append(result)
    return milliseconds, errors, f"{min(results)}-{max(results)} runs" if results else ""


def _listing(query: Any) -> Figure:
    """List all runs, or as many as come in the time."""
    began = time.perf_counter()
    runs = 0
    call = query.ListRuns(pb.ListRunsRequest(page_size=200))
    for chunk in call:
        runs += len(chunk.runs)
        if time.perf_counter() - began > _LISTING_SECONDS:
            call.cancel()
            break
    rate = runs / (time.perf_counter() - began)
    goal, note = Goal(at_least=30_000), f"{runs:,} runs in chunks of 200"
    return Figure(name="ListRuns: a whole listing", unit="runs/s", samples=[rate], goal=goal, note=note)
