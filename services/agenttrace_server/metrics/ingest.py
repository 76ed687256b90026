"""What is counted of uploads on their way into the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agenttrace.v1 import ingest_service_pb2 as pb
from agenttrace_server.errors import Overloaded, ServiceError, StoreUnavailable
from agenttrace_server.metrics.declarations import Declared
from agenttrace_server.records import ACCEPTED, DUPLICATE, Outcome, Verdict

if TYPE_CHECKING:
    from agenttrace_server.metrics.declarations import Declarations

_ITEMS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)
_FLUSH_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LAG_SECONDS: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_BYTES: Final = tuple(4**power for power in range(4, 12))  # 256 B to 4 MiB
_KINDS: Final = ("run", "step", "failure")
_NOT_STORED: Final = ("attribute", "message")
_INTERNAL: Final = "INTERNAL"
_DEPTH = Declared("agenttrace_ingest_queue_depth", "gauge", (), "Rows that wait to be written.", "")
_CAPACITY = Declared(
    "agenttrace_ingest_queue_capacity", "gauge", (), "Rows that may wait before calls are told to come back.", ""
)
_AGE = Declared(
    "agenttrace_ingest_queue_oldest_age_seconds",
    "gauge",
    (),
    "How long the row that waits longest has waited; 0 where none waits.",
    "",
)


class Queue(Protocol):
    """What waits to be written."""

    @property
    def depth(self) -> int:
        """Rows that wait."""

    @property
    def capacity(self) -> int:
        """Rows that may wait."""

    @property
    def oldest_age_seconds(self) -> float:
        """How long the oldest has waited."""


class IngestMetrics:
    """Items by what became of them, the queue, and the transactions that empty it."""

    def __init__(self, declare: Declarations) -> None:
        self._queue = _QueueCollector()
        declare.collected(self._queue, _DEPTH, _CAPACITY, _AGE)
        self._items = declare.counter(
            "agenttrace_ingest_items_total",
            "Items by what became of them, once that is committed: run, step, failure, attribute or message; accepted, "
            "duplicate or rejected. A run message that changes its run is accepted: a run has several.",
            ["item", "outcome"],
        )
        self._rejections = declare.counter(
            "agenttrace_ingest_rejections_total", "Items and attributes refused, by RejectionReason.", ["reason"]
        )
        self.unknown_fields = declare.counter(
            "agenttrace_ingest_unknown_fields_total", "Fields of uploads unknown to this release, discarded."
        )
        self.payload_bytes = declare.histogram(
            "agenttrace_ingest_payload_bytes", "Size of each upload message.", _BYTES, otel="`rpc.server.request.size`"
        )
        self._declare_flushes(declare)
        self._begin_at_zero()

    def _declare_flushes(self, declare: Declarations) -> None:
        self.batch_items = declare.batch_histogram(
            "agenttrace_ingest_batch_items", "Rows that were written together, in one transaction.", _ITEMS
        ).labels()
        self.flush_seconds = declare.batch_histogram(
            "agenttrace_ingest_flush_seconds", "How long the writing of such a batch took, retries included.",
            _FLUSH_SECONDS,
        ).labels()  # fmt: skip
        self._flush_failures = declare.counter(
            "agenttrace_ingest_flush_failures_total",
            "Batches that could not be written, by ErrorReason: STORE_UNAVAILABLE, OVERLOADED or INTERNAL. Their calls "
            "fail, and clients send them again.",
            ["reason"],
        )
        self.commit_lag_seconds = declare.batch_histogram(
            "agenttrace_ingest_commit_lag_seconds",
            "From the end of a step, or from a failure, to its commit, of what was newly stored; by the clock of the "
            "agent's machine, 0 where that is ahead.",
            _LAG_SECONDS,
        ).labels()

    def _begin_at_zero(self) -> None:
        for item in _KINDS:
            for outcome in ("accepted", "duplicate", "rejected"):
                self._items.labels(item, outcome)
        for item in _NOT_STORED:
            self._items.labels(item, "rejected")
        for name in pb.RejectionReason.keys()[1:]:
            self._rejections.labels(name.removeprefix("REJECTION_REASON_"))
        for reason in (StoreUnavailable.reason, Overloaded.reason, _INTERNAL):
            self._flush_failures.labels(reason)

    def watch(self, queue: Queue) -> None:
        """Show the queue at every scrape."""
        self._queue.queue = queue

    def count_refused(self, item: str, reason: str) -> None:
        """Count one item or attribute that did not come to be a row."""
        self._items.labels(item, "rejected").inc()
        self._rejections.labels(reason).inc()

    def count_outcome(self, outcome: Outcome) -> None:
        """Count what became of the rows of a batch."""
        for item, verdicts in zip(_KINDS, (outcome.runs, outcome.steps, outcome.failures), strict=True):
            if verdicts:
                self._count(item, verdicts)

    def count_failed_flush(self, error: Exception) -> None:
        """Count a batch that could not be written."""
        self._flush_failures.labels(error.reason if isinstance(error, ServiceError) else _INTERNAL).inc()

    def _count(self, item: str, verdicts: Sequence[Verdict]) -> None:
        accepted, duplicate = verdicts.count(ACCEPTED), verdicts.count(DUPLICATE)
        if accepted:
            self._items.labels(item, "accepted").inc(accepted)
        if duplicate:
            self._items.labels(item, "duplicate").inc(duplicate)
        if accepted + duplicate < len(verdicts):
            for verdict in verdicts:
                if verdict not in (ACCEPTED, DUPLICATE):
                    self.count_refused(item, verdict.outcome)


class _QueueCollector(Collector):
    """The state of the queue, read when it is scraped."""

    queue: Queue | None = None

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        queue = self.queue
        if queue is None:
            return
        values = ((_DEPTH, queue.depth), (_CAPACITY, queue.capacity), (_AGE, queue.oldest_age_seconds))
        for declared, value in values:
            yield GaugeMetricFamily(declared.name, declared.meaning, value)
