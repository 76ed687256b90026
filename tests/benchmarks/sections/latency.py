"""How long an acknowledgement takes at a steady rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.bench import Bench, Measured, measure
from benchmarks.figures import Figure, Goal, percentile
from benchmarks.loads import Sent, SteadyLoad

METHOD = (
    "100 clients, each with a connection of its own, take turns: 100 batches of 50 steps a second, each in a stream of "
    "its own, 5,000 steps/s, after 2 s of warming up. Acknowledgement: last message written to response received. "
    "Call: stream opened to response. From due time: what a late answer delays counts as well."
)
_CLIENTS = 100
_STEPS_PER_BATCH = 50
_INTERVAL_SECONDS = 1.0
_WARM_UP_SECONDS = 2.0


def run(bench: Bench) -> Sequence[Figure]:
    """Measure it."""
    with bench.product() as product:
        measure(product, _steady(bench, product.ingest, _WARM_UP_SECONDS))
        measured = [
            measure(product, _steady(bench, product.ingest, max(5.0, bench.seconds))) for _ in range(bench.rounds)
        ]
    note = f"of {len(measured[-1].sent.ack_seconds)} batches a round; {measured[-1].note}"
    ack, call, late = _ack_seconds, _call_seconds, _late_seconds
    return [
        _figure("acknowledgement p50", measured, ack, 50),
        _figure("acknowledgement p99", measured, ack, 99, goal=Goal(at_most=50), note=note),
        _figure("acknowledgement, longest", measured, ack, 100),
        _figure("call p99", measured, call, 99),
        _figure("from due time p99", measured, late, 99),
        Figure(name="rate", unit="steps/s", samples=[one.sent.steps_per_second for one in measured]),
    ]


def _steady(bench: Bench, address: str, seconds: float) -> SteadyLoad:
    batches = int(seconds / _INTERVAL_SECONDS) + 1
    steps = _CLIENTS * batches * _STEPS_PER_BATCH
    workloads = bench.workloads(_CLIENTS, steps, steps_per_message=_STEPS_PER_BATCH)
    return SteadyLoad(address=address, workloads=workloads, interval=_INTERVAL_SECONDS, seconds=seconds)


def _figure(
    name: str,
    measured: Sequence[Measured],
    seconds: Callable[[Sent], Sequence[float]],
    percent: float,
    *,
    goal: Goal | None = None,
    note: str = "",
) -> Figure:
    samples = [percentile(seconds(one.sent), percent) * 1000 for one in measured]
    return Figure(name=name, unit="ms", samples=samples, goal=goal, note=note)


def _ack_seconds(sent: Sent) -> Sequence[float]:
    return sent.ack_seconds


def _call_seconds(sent: Sent) -> Sequence[float]:
    return sent.call_seconds


def _late_seconds(sent: Sent) -> Sequence[float]:
    return sent.late_seconds
